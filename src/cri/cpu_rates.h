// CpuRates: how many cores a container uses, from its last two readings. Thread safe.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "cgroups/cgroups.h"

namespace cradle::cri {

class CpuRates {
 public:
  // Nano-cores; unset for a first reading. Readings less than half a second apart give the last
  // rate again.
  std::optional<uint64_t> Update(const std::string& container, const cgroups::Stats& stats);
  void Keep(const std::function<bool(const std::string& container)>& wanted);

 private:
  struct Sample {
    int64_t wall_nanos = 0;
    uint64_t usage_nanos = 0;
    std::optional<uint64_t> nano_cores;
  };

  std::mutex mutex_;
  std::unordered_map<std::string, Sample> samples_;
};

}  // namespace cradle::cri
