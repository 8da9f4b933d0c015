// One run of a plugin: its own process group, configuration on stdin, at most 1 MiB of stdout, the
// last 4 KiB of stderr for the error. Past the deadline the whole group is killed and the plugin
// reaped. Blocks the caller; any thread. The child is this call's alone: found, waited for and
// reaped by its pidfd.
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
