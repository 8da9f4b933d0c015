// What a set of limits means on v1: a list of writes, decided apart from being done. Pure.
#pragma once

#include <string>
#include <vector>

#include "cgroups/cgroups.h"

namespace cradle::cgroups {

struct V1Write {
  const char* controller;
  std::string file;
  std::string value;
  std::string field;      // CRI's name and the value, for errors
  bool optional = false;  // a node without that controller or file is fine
};

// What a group has now, as far as the order of writes depends on it. The values are a new group's.
struct V1Current {
  int64_t cpu_period = 100000;
  int64_t memory_swap = -1;  // -1: none
};

// In an order in which every step between is allowed, raising and lowering.
std::vector<V1Write> PlanV1Writes(const Limits& limits, const V1Current& current);

struct V1DeviceWrite {
  bool allow;
  std::string text;  // "c 1:3 rwm", "a"
};
std::vector<V1DeviceWrite> PlanV1Devices(const std::vector<DeviceRule>& rules);

}  // namespace cradle::cgroups
