// One run of a plugin (base/program.h): configuration on stdin, the result on stdout, the end of its stderr in the error.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace cradle::cni {

struct PluginRun {
  std::string program;
  std::string name;  // "plugin bridge ADD", for errors
  std::vector<std::string> env;
  std::string input;
};

// What it printed. kDeadlineExceeded, kUnavailable ("try again later", code 11), else kInternal.
Result<std::string> RunPlugin(const PluginRun& run, Deadline deadline);

}  // namespace cradle::cni
