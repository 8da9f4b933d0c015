// Limits in records of containers and pods.
#pragma once

#include "cgroups/cgroups.h"
#include "container/json.h"

namespace cradle::json {

inline void Fields(auto& io, Is<cgroups::DeviceRule> auto& rule) {
  io("allow", rule.allow);
  io("type", rule.type);
  io("major", rule.major);
  io("minor", rule.minor);
  io("access", rule.access);
}

inline void Fields(auto& io, Is<cgroups::Limits> auto& limits) {
  io("cpu_shares", limits.cpu_shares);
  io("cpu_quota", limits.cpu_quota);
  io("cpu_period", limits.cpu_period);
  io("memory", limits.memory);
  io("memory_swap", limits.memory_swap);
  io("cpuset_cpus", limits.cpuset_cpus);
  io("cpuset_mems", limits.cpuset_mems);
  io("pids", limits.pids);
  io("hugepages", limits.hugepages);
  io("unified", limits.unified);
  io("devices", limits.devices);
}

}  // namespace cradle::json
