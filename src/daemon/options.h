// The flags of cradled. They win over the configuration file.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "config/config.h"

namespace cradle::daemon {

struct Options {
  std::optional<std::string> config_file;
  std::optional<std::string> listen, root, state, log_level;
  bool check_config = false;  // read it, say what is wrong, exit
  bool print_config = false;
  bool help = false;
  bool version = false;

  static Result<Options> Parse(int argc, char** argv);
  // File, then flags, then the check.
  Result<config::Config> Load() const;
};

extern const char kUsage[];

}  // namespace cradle::daemon
