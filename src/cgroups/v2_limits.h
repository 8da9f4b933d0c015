// What a set of limits means on v2: a list of writes, decided apart from being done. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cgroups/cgroups.h"

namespace cradle::cgroups {

struct V2Write {
  std::string file;
  std::string value;
  std::string field;      // CRI's name and the value, for errors
  bool optional = false;  // a group without that file is fine
};

// What a group has now, as far as writes depend on it. The values are a new group's.
struct V2Current {
  int64_t cpu_quota = -1, cpu_period = 100000;  // cpu.max is one file
  int64_t memory = -1;                          // memory.swap.max counts swap alone
};
V2Current ParseV2Current(std::string_view cpu_max, std::string_view memory_max);

// cpu.weight, 1-10000, of shares, 2-262144: 1024 gives 100, the default of both.
int64_t WeightFromShares(int64_t shares);

// One write per line of a file. What `unified` says comes last, so it holds.
std::vector<V2Write> PlanV2Writes(const Limits& limits, const V2Current& current);
// The writes that give `file` its text of before again, after `written` was written to it. io.max and its
// like have a line per device, and forget none by themselves.
std::vector<std::string> PlanV2Restore(std::string_view file, std::string_view written,
                                       std::string_view before);

}  // namespace cradle::cgroups
