// CRI's `unified` map, whose keys are cgroup v2's files, on v1: what v1 has under another name. Pure.
//
//   memory.low   memory.soft_limit_in_bytes: what is above it is taken first
//   io.weight    blkio.bfq.weight, which ends at 1000; of the group, not of one device
//   io.max       blkio.throttle.{read,write}_{bps,iops}_device
#pragma once

#include "base/result.h"
#include "cgroups/v1_limits.h"

namespace cradle::cgroups {

// INVALID_ARGUMENT names the key and the value: one that v1 has nothing for, or malformed.
Result<std::vector<V1Write>> PlanV1Unified(const std::map<std::string, std::string>& unified);
// What gives a file its text of before again, after `written` was written to it: those of devices have a line for each, and
// forget none by themselves.
std::string PlanV1Restore(std::string_view file, std::string_view written, std::string_view before);

}  // namespace cradle::cgroups
