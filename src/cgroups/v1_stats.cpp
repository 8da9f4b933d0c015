// The accounting half of CgroupsV1. A controller that isn't mounted reads as 0 throughout.
#include "base/clock.h"
#include "base/sys/file.h"
#include "cgroups/figures_parse.h"
#include "cgroups/pressure.h"
#include "cgroups/v1.h"
#include "cgroups/values.h"

namespace cradle::cgroups {
namespace {

constexpr uint64_t kNanosPerTick = 10'000'000;  // USER_HZ is 100 everywhere
constexpr size_t kMaxText = 64 << 10;

constexpr KeyedField<Stats> kMemory[] = {
    {"total_rss", &Stats::memory_rss},
    {"total_cache", &Stats::memory_cache},
    {"total_mapped_file", &Stats::memory_mapped_file},
    {"total_pgfault", &Stats::page_faults},
    {"total_pgmajfault", &Stats::major_page_faults},
    {"total_swap", &Stats::memory_swap_usage},
};

std::string Text(FdRef group, const char* file) {
  auto text = sys::ReadFile(group, file, kMaxText);
  return text.ok() ? std::move(*text) : std::string();
}

// The group's own limit; 0: none. Without one in the group or above it (as memory.stat says) there is nothing to read.
uint64_t ReadLimit(FdRef memory, const char* file, uint64_t of_all_above) {
  if (of_all_above >= kNoLimit) return 0;
  uint64_t own = ParseNumber(Text(memory, file)).value_or(0);
  return own >= kNoLimit ? 0 : own;
}

void ReadCpu(FdRef cpu, Stats& stats) {
  std::string text = Text(cpu, "cpu.stat");
  stats.cpu_periods = KeyedValue(text, "nr_periods");
  stats.cpu_throttled_periods = KeyedValue(text, "nr_throttled");
  stats.cpu_throttled_nanos = KeyedValue(text, "throttled_time");
}

void ReadCpuacct(FdRef cpuacct, Stats& stats) {
  stats.cpu_usage_nanos = ParseNumber(Text(cpuacct, "cpuacct.usage")).value_or(0);
  std::string ticks = Text(cpuacct, "cpuacct.stat");
  stats.cpu_user_nanos = KeyedValue(ticks, "user") * kNanosPerTick;
  stats.cpu_system_nanos = KeyedValue(ticks, "system") * kNanosPerTick;
}

void ReadMemory(FdRef memory, Stats& stats) {
  std::string text = Text(memory, "memory.stat");
  ParseKeyed(text, kMemory, stats);
  stats.memory_usage = ParseNumber(Text(memory, "memory.usage_in_bytes")).value_or(0);
  uint64_t idle = KeyedValue(text, "total_inactive_file");
  stats.memory_working_set = stats.memory_usage > idle ? stats.memory_usage - idle : 0;
  stats.memory_limit = ReadLimit(memory, "memory.limit_in_bytes", KeyedValue(text, "hierarchical_memory_limit"));
  // Memory and swap together.
  uint64_t both = ReadLimit(memory, "memory.memsw.limit_in_bytes", KeyedValue(text, "hierarchical_memsw_limit"));
  stats.memory_swap_limit = stats.memory_limit && both > stats.memory_limit ? both - stats.memory_limit : 0;
}

}  // namespace

Result<Stats> CgroupsV1::ReadStats(const std::string& path) const {
  Stats stats;
  stats.wall_nanos = WallNanos();
  const std::pair<const char*, void (*)(FdRef, Stats&)> kParts[] = {
      {"cpuacct", ReadCpuacct}, {"cpu", ReadCpu}, {"memory", ReadMemory}};
  for (auto [controller, read_part] : kParts) {
    const Tree* tree = Find(controller);
    if (!tree) continue;
    UniqueFd group = TRY(tree->OpenGroup(path));
    read_part(group, stats);
  }
  if (const Tree* tree = Find("pids"))
    stats.pids = ParseNumber(TRY(tree->Read(path, "pids.current"))).value_or(0);
  if (v2_)
    if (auto group = v2_->OpenGroup(path); group.ok()) ReadPressure(*group, stats);
  return stats;
}

Result<uint64_t> CgroupsV1::ReadOomKills(const std::string& path) const {
  // Each group counts its own; the container may have made some below.
  constexpr size_t kMostGroups = 10'000;
  const Tree& memory = *Find("memory");
  uint64_t kills = KeyedValue(TRY(memory.Read(path, "memory.oom_control")), "oom_kill");
  std::vector<std::string> groups = {path};
  for (size_t i = 0; i < groups.size() && groups.size() < kMostGroups; ++i)
    for (const std::string& child : memory.Children(groups[i])) {
      groups.push_back(Cat(groups[i], "/", child));
      auto text = memory.Read(groups.back(), "memory.oom_control");
      if (text.ok()) kills += KeyedValue(*text, "oom_kill");
    }
  return kills;
}

}  // namespace cradle::cgroups
