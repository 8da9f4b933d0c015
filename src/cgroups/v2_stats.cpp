// The accounting half of CgroupsV2.
#include "base/clock.h"
#include "base/sys/file.h"
#include "cgroups/counters.h"
#include "cgroups/pressure.h"
#include "cgroups/v2.h"
#include "cgroups/values.h"

namespace cradle::cgroups {
namespace {

constexpr uint64_t kNanosPerMicro = 1000;

std::string Text(FdRef group, const char* file) {
  auto text = sys::ReadFile(group, file, 64 << 10);
  return text.ok() ? std::move(*text) : std::string();
}

// "max" and a missing file are 0.
uint64_t Number(FdRef group, const char* file) {
  return ParseNumber(Text(group, file)).value_or(0);
}

void ReadCpu(FdRef group, Stats& stats) {
  std::string text = Text(group, "cpu.stat");
  stats.cpu_usage_nanos = KeyedValue(text, "usage_usec") * kNanosPerMicro;
  stats.cpu_user_nanos = KeyedValue(text, "user_usec") * kNanosPerMicro;
  stats.cpu_system_nanos = KeyedValue(text, "system_usec") * kNanosPerMicro;
  stats.cpu_periods = KeyedValue(text, "nr_periods");
  stats.cpu_throttled_periods = KeyedValue(text, "nr_throttled");
  stats.cpu_throttled_nanos = KeyedValue(text, "throttled_usec") * kNanosPerMicro;
}

void ReadMemory(FdRef group, Stats& stats) {
  stats.memory_usage = Number(group, "memory.current");
  stats.memory_limit = Number(group, "memory.max");
  std::string text = Text(group, "memory.stat");
  uint64_t idle = KeyedValue(text, "inactive_file");
  stats.memory_working_set = stats.memory_usage > idle ? stats.memory_usage - idle : 0;
  stats.memory_rss = KeyedValue(text, "anon");
  stats.memory_cache = KeyedValue(text, "file");
  stats.memory_mapped_file = KeyedValue(text, "file_mapped");
  stats.page_faults = KeyedValue(text, "pgfault");
  stats.major_page_faults = KeyedValue(text, "pgmajfault");
  stats.memory_swap_usage = Number(group, "memory.swap.current");
  stats.memory_swap_limit = Number(group, "memory.swap.max");
}

}  // namespace

Result<Stats> CgroupsV2::ReadStats(const std::string& path) const {
  UniqueFd group = TRY(tree().OpenGroup(path));
  Stats stats;
  stats.wall_nanos = WallNanos();
  ReadCpu(group, stats);
  ReadMemory(group, stats);
  stats.pids = Number(group, "pids.current");
  ReadPressure(group, stats);
  return stats;
}

// memory.stat and its like count what is below the group, too: there are no figures of the group alone.
Result<Counters> CgroupsV2::ReadCounters(const std::string& path) const {
  UniqueFd group = TRY(tree().OpenGroup(path));
  Counters out;
  out.memory_max_usage = Number(group, "memory.peak");
  out.memory_reservation = Number(group, "memory.low");
  std::string events = Text(group, "memory.events"), memory = Text(group, "memory.stat");
  out.memory_limit_hits = KeyedValue(events, "max");
  out.oom_kills = KeyedValue(events, "oom_kill");
  out.memory_kernel = KeyedValue(memory, "kernel");
  out.own_page_faults = KeyedValue(memory, "pgfault");
  out.own_major_page_faults = KeyedValue(memory, "pgmajfault");
  out.threads_max = Number(group, "pids.max");
  out.io = ParseIoStat(Text(group, "io.stat"));
  for (const std::string& size : HugepageSizes(group, "current"))
    out.hugepages.push_back({size, Number(group, Cat("hugetlb.", size, ".current").c_str()), 0});
  return out;
}

Result<std::vector<pid_t>> CgroupsV2::Processes(const std::string& path) const {
  return tree().Processes(path);
}

Result<uint64_t> CgroupsV2::ReadOomKills(const std::string& path) const {
  return KeyedValue(TRY(tree().Read(path, "memory.events")), "oom_kill");
}

}  // namespace cradle::cgroups
