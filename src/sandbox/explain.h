// Errors that mean more than what failed.
#pragma once

#include <string>

#include "cgroups/cgroups.h"

namespace cradle::sandbox {

// Of a container's process that couldn't be made or started: `memory`, its limit, may have been the reason.
inline Error ExplainLaunch(Error error, const cgroups::Cgroups& groups, const std::string& group, int64_t memory) {
  if (memory <= 0 || groups.ReadOomKills(group).value_or(0) == 0) return error;
  return InvalidArgument(
      Cat("linux.resources.memory_limit_in_bytes ", std::to_string(memory), ": too little to start a process"));
}

}  // namespace cradle::sandbox
