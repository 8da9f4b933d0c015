// AppArmor as this node has it, and `cradle-default`, the profile of containers that ask for no other.
#pragma once

#include <mutex>
#include <string>

#include "base/result.h"

namespace cradle::container {

inline constexpr char kAppArmorDefault[] = "cradle-default";

bool KernelHasAppArmor();
// The path of apparmor_parser(8), which compiles profiles and loads them; empty: not installed.
std::string AppArmorParser();

// Loads `cradle-default` at the first need of this daemon, in place of one that an older one has left (containers that
// run under that get the new rules too), and again when somebody has unloaded it. Thread safe; a failed try is made again
// by the next caller.
class AppArmorDefault {
 public:
  // Before a container is to run under it. Blocks for the parser, at most half a minute. FAILED_PRECONDITION with what it said.
  Result<> Load();

 private:
  std::mutex mutex_;
  bool loaded_ = false;
};

}  // namespace cradle::container
