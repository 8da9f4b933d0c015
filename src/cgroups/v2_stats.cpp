// The accounting half of CgroupsV2.
#include "base/clock.h"
#include "cgroups/control.h"
#include "cgroups/counters.h"
#include "cgroups/figures_parse.h"
#include "cgroups/pressure.h"
#include "cgroups/v2.h"
#include "cgroups/values.h"

namespace cradle::cgroups {
namespace {

constexpr uint64_t kNanosPerMicro = 1000;

constexpr KeyedField<Stats> kCpuStat[] = {
    {"usage_usec", &Stats::cpu_usage_nanos},
    {"user_usec", &Stats::cpu_user_nanos},
    {"system_usec", &Stats::cpu_system_nanos},
    {"nr_periods", &Stats::cpu_periods},
    {"nr_throttled", &Stats::cpu_throttled_periods},
    {"throttled_usec", &Stats::cpu_throttled_nanos},
};

constexpr KeyedField<Stats> kMemoryStat[] = {
    {"anon", &Stats::memory_rss},
    {"file", &Stats::memory_cache},
    {"file_mapped", &Stats::memory_mapped_file},
    {"pgfault", &Stats::page_faults},
    {"pgmajfault", &Stats::major_page_faults},
};

void ReadCpu(FdRef group, Stats& stats) {
  ParseKeyed(ControlText(group, "cpu.stat"), kCpuStat, stats);
  for (uint64_t* time : {&stats.cpu_usage_nanos, &stats.cpu_user_nanos, &stats.cpu_system_nanos, &stats.cpu_throttled_nanos})
    *time *= kNanosPerMicro;
}

void ReadMemory(FdRef group, Stats& stats) {
  stats.memory_usage = ControlNumber(group, "memory.current");
  stats.memory_limit = ControlNumber(group, "memory.max");
  std::string text = ControlText(group, "memory.stat");
  ParseKeyed(text, kMemoryStat, stats);
  uint64_t idle = KeyedValue(text, "inactive_file");
  stats.memory_working_set = stats.memory_usage > idle ? stats.memory_usage - idle : 0;
  stats.memory_swap_usage = ControlNumber(group, "memory.swap.current");
  stats.memory_swap_limit = ControlNumber(group, "memory.swap.max");
}

}  // namespace

Result<Stats> CgroupsV2::ReadStats(const std::string& path) const {
  UniqueFd group = TRY(tree().OpenGroup(path));
  Stats stats;
  stats.wall_nanos = WallNanos();
  ReadCpu(group, stats);
  ReadMemory(group, stats);
  stats.pids = ControlNumber(group, "pids.current");
  ReadPressure(group, stats);
  return stats;
}

// memory.stat and its like count what is below the group, too: there are no figures of the group alone.
Result<Counters> CgroupsV2::ReadCounters(const std::string& path) const {
  UniqueFd group = TRY(tree().OpenGroup(path));
  Counters out;
  out.memory_max_usage = ControlNumber(group, "memory.peak");
  out.memory_reservation = ControlNumber(group, "memory.low");
  std::string events = ControlText(group, "memory.events"), memory = ControlText(group, "memory.stat");
  out.memory_limit_hits = KeyedValue(events, "max");
  out.oom_kills = KeyedValue(events, "oom_kill");
  out.memory_kernel = KeyedValue(memory, "kernel");
  out.own_page_faults = KeyedValue(memory, "pgfault");
  out.own_major_page_faults = KeyedValue(memory, "pgmajfault");
  out.threads_max = ControlNumber(group, "pids.max");
  out.io = ParseIoStat(ControlText(group, "io.stat"));
  for (const std::string& size : HugepageSizes(group, "current"))
    out.hugepages.push_back({size, ControlNumber(group, Cat("hugetlb.", size, ".current").c_str()), 0});
  return out;
}

Result<std::vector<pid_t>> CgroupsV2::Processes(const std::string& path) const {
  return tree().Processes(path);
}

Result<uint64_t> CgroupsV2::ReadOomKills(const std::string& path) const {
  return KeyedValue(TRY(tree().Read(path, "memory.events")), "oom_kill");
}

}  // namespace cradle::cgroups
