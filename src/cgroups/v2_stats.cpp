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

constexpr KeyedField<Counters> kCpuStat[] = {
    {"user_usec", &Counters::cpu_user_nanos},
    {"system_usec", &Counters::cpu_system_nanos},
    {"nr_periods", &Counters::cpu_periods},
    {"nr_throttled", &Counters::cpu_throttled_periods},
    {"throttled_usec", &Counters::cpu_throttled_nanos},
};

constexpr KeyedField<Stats> kMemoryStat[] = {
    {"anon", &Stats::memory_rss},
    {"file", &Stats::memory_cache},
    {"file_mapped", &Stats::memory_mapped_file},
    {"pgfault", &Stats::page_faults},
    {"pgmajfault", &Stats::major_page_faults},
};

void ReadCpu(FdRef group, Counters& out) {
  ParseKeyed(ControlText(group, "cpu.stat"), kCpuStat, out);
  for (uint64_t* time : {&out.cpu_user_nanos, &out.cpu_system_nanos, &out.cpu_throttled_nanos}) *time *= kNanosPerMicro;
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
  stats.cpu_usage_nanos = KeyedValue(ControlText(group, "cpu.stat"), "usage_usec") * kNanosPerMicro;
  ReadMemory(group, stats);
  ReadPressure(group, stats);
  return stats;
}

// memory.stat and its like count what is below the group, too: there are no figures of the group alone.
Result<Counters> CgroupsV2::ReadCounters(const std::string& path) const {
  UniqueFd group = TRY(tree().OpenGroup(path));
  Counters out;
  ReadCpu(group, out);
  out.memory_max_usage = ControlNumber(group, "memory.peak");
  out.memory_reservation = ControlNumber(group, "memory.low");
  std::string events = ControlText(group, "memory.events"), memory = ControlText(group, "memory.stat");
  out.memory_limit_hits = KeyedValue(events, "max");
  out.oom_kills = KeyedValue(events, "oom_kill");
  out.memory_kernel = KeyedValue(memory, "kernel");
  out.own_page_faults = KeyedValue(memory, "pgfault");
  out.own_major_page_faults = KeyedValue(memory, "pgmajfault");
  out.threads = ControlNumber(group, "pids.current");
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
