#include "cri/cpu_rates.h"

namespace cradle::cri {
namespace {

constexpr int64_t kMinInterval = 500'000'000;  // ns

}  // namespace

std::optional<uint64_t> CpuRates::Update(const std::string& container,
                                         const cgroups::Stats& stats) {
  std::lock_guard lock(mutex_);
  auto [found, fresh] = samples_.try_emplace(container);
  Sample& last = found->second;
  int64_t wall = stats.wall_nanos - last.wall_nanos;
  if (!fresh && wall < kMinInterval) return last.nano_cores;
  if (!fresh && stats.cpu_usage_nanos >= last.usage_nanos) {
    auto used = static_cast<double>(stats.cpu_usage_nanos - last.usage_nanos);
    last.nano_cores = static_cast<uint64_t>(used / static_cast<double>(wall) * 1e9);
  }
  last.wall_nanos = stats.wall_nanos;
  last.usage_nanos = stats.cpu_usage_nanos;
  return last.nano_cores;
}

void CpuRates::Keep(const std::function<bool(const std::string&)>& wanted) {
  std::lock_guard lock(mutex_);
  std::erase_if(samples_, [&](const auto& sample) { return !wanted(sample.first); });
}

}  // namespace cradle::cri
