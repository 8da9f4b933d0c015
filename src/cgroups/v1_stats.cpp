// The accounting half of CgroupsV1. A controller that isn't mounted reads as 0 throughout.
#include "base/clock.h"
#include "cgroups/control.h"
#include "cgroups/figures_parse.h"
#include "cgroups/pressure.h"
#include "cgroups/v1.h"
#include "cgroups/values.h"

namespace cradle::cgroups {
namespace {

struct MemoryStat {
  uint64_t rss = 0, cache = 0, mapped_file = 0, inactive_file = 0, swap = 0;
  uint64_t page_faults = 0, major_page_faults = 0;
  uint64_t limit = 0, limit_with_swap = 0;  // the lowest of the group's and of those above it
};

constexpr KeyedField<MemoryStat> kMemoryStat[] = {
    {"hierarchical_memory_limit", &MemoryStat::limit},
    {"hierarchical_memsw_limit", &MemoryStat::limit_with_swap},
    {"total_cache", &MemoryStat::cache},
    {"total_rss", &MemoryStat::rss},
    {"total_mapped_file", &MemoryStat::mapped_file},
    {"total_swap", &MemoryStat::swap},
    {"total_pgfault", &MemoryStat::page_faults},
    {"total_pgmajfault", &MemoryStat::major_page_faults},
    {"total_inactive_file", &MemoryStat::inactive_file},
};

// The group's own limit; 0: none. Without one in the group or above it there is nothing to read.
uint64_t ReadLimit(FdRef memory, const char* file, uint64_t of_all_above) {
  if (of_all_above >= kNoLimit) return 0;
  uint64_t own = ControlNumber(memory, file);
  return own >= kNoLimit ? 0 : own;
}

void ReadMemory(FdRef memory, Stats& stats) {
  MemoryStat stat;
  ParseKeyed(ControlText(memory, "memory.stat"), kMemoryStat, stat);
  stats.memory_rss = stat.rss;
  stats.memory_cache = stat.cache;
  stats.memory_mapped_file = stat.mapped_file;
  stats.memory_swap_usage = stat.swap;
  stats.page_faults = stat.page_faults;
  stats.major_page_faults = stat.major_page_faults;
  stats.memory_usage = ControlNumber(memory, "memory.usage_in_bytes");
  stats.memory_working_set = stats.memory_usage > stat.inactive_file ? stats.memory_usage - stat.inactive_file : 0;
  stats.memory_limit = ReadLimit(memory, "memory.limit_in_bytes", stat.limit);
  uint64_t both = ReadLimit(memory, "memory.memsw.limit_in_bytes", stat.limit_with_swap);
  stats.memory_swap_limit = stats.memory_limit && both > stats.memory_limit ? both - stats.memory_limit : 0;
}

}  // namespace

Result<Stats> CgroupsV1::ReadStats(const std::string& path) const {
  Stats stats;
  stats.wall_nanos = WallNanos();
  if (const Tree* cpuacct = Find("cpuacct"))
    stats.cpu_usage_nanos = ParseNumber(TRY(cpuacct->Read(path, "cpuacct.usage"))).value_or(0);
  if (const Tree* memory = Find("memory")) {
    UniqueFd group = TRY(memory->OpenGroup(path));
    ReadMemory(group, stats);
  }
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
