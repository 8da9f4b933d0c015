// The accounting half of CgroupsV1.
#include "base/clock.h"
#include "base/sys/file.h"
#include "cgroups/pressure.h"
#include "cgroups/v1.h"
#include "cgroups/values.h"

namespace cradle::cgroups {
namespace {

constexpr uint64_t kNanosPerTick = 10'000'000;  // USER_HZ is 100 everywhere
constexpr uint64_t kNoLimit = uint64_t{1}
                              << 62;  // the kernel's "none" is LONG_MAX, rounded down to a page

// The files of a group in one hierarchy. A controller that isn't mounted reads as 0 throughout.
class Files {
 public:
  static Result<Files> Open(const Tree* tree, const std::string& path) {
    return Files(tree ? TRY(tree->OpenGroup(path)) : UniqueFd());
  }
  std::string Text(const char* file) const {
    if (!dir_.valid()) return {};
    auto text = sys::ReadFile(dir_, file, 64 << 10);
    return text.ok() ? std::move(*text) : std::string();
  }
  uint64_t Number(const char* file) const { return ParseNumber(Text(file)).value_or(0); }

 private:
  explicit Files(UniqueFd dir) : dir_(std::move(dir)) {}
  UniqueFd dir_;
};

uint64_t LimitOf(uint64_t value) { return value >= kNoLimit ? 0 : value; }

void ReadCpu(const Files& cpuacct, const Files& cpu, Stats& stats) {
  stats.cpu_usage_nanos = cpuacct.Number("cpuacct.usage");
  std::string ticks = cpuacct.Text("cpuacct.stat");
  stats.cpu_user_nanos = KeyedValue(ticks, "user") * kNanosPerTick;
  stats.cpu_system_nanos = KeyedValue(ticks, "system") * kNanosPerTick;
  std::string text = cpu.Text("cpu.stat");
  stats.cpu_periods = KeyedValue(text, "nr_periods");
  stats.cpu_throttled_periods = KeyedValue(text, "nr_throttled");
  stats.cpu_throttled_nanos = KeyedValue(text, "throttled_time");
}

void ReadMemory(const Files& memory, Stats& stats) {
  stats.memory_usage = memory.Number("memory.usage_in_bytes");
  stats.memory_limit = LimitOf(memory.Number("memory.limit_in_bytes"));
  std::string text = memory.Text("memory.stat");
  uint64_t idle = KeyedValue(text, "total_inactive_file");
  stats.memory_working_set = stats.memory_usage > idle ? stats.memory_usage - idle : 0;
  stats.memory_rss = KeyedValue(text, "total_rss");
  stats.memory_cache = KeyedValue(text, "total_cache");
  stats.memory_mapped_file = KeyedValue(text, "total_mapped_file");
  stats.page_faults = KeyedValue(text, "total_pgfault");
  stats.major_page_faults = KeyedValue(text, "total_pgmajfault");
  // memsw counts memory and swap together.
  uint64_t both = memory.Number("memory.memsw.usage_in_bytes");
  stats.memory_swap_usage = both > stats.memory_usage ? both - stats.memory_usage : 0;
  uint64_t both_limit = LimitOf(memory.Number("memory.memsw.limit_in_bytes"));
  stats.memory_swap_limit =
      stats.memory_limit && both_limit > stats.memory_limit ? both_limit - stats.memory_limit : 0;
}

}  // namespace

Result<Stats> CgroupsV1::ReadStats(const std::string& path) const {
  Stats stats;
  stats.wall_nanos = WallNanos();
  ReadCpu(TRY(Files::Open(Find("cpuacct"), path)), TRY(Files::Open(Find("cpu"), path)), stats);
  ReadMemory(TRY(Files::Open(Find("memory"), path)), stats);
  stats.pids = TRY(Files::Open(Find("pids"), path)).Number("pids.current");
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
