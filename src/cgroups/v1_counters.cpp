// What metrics tell, of CgroupsV1. A controller that isn't mounted reads as 0 throughout.
#include "cgroups/control.h"
#include "cgroups/counters.h"
#include "cgroups/v1.h"
#include "cgroups/values.h"

namespace cradle::cgroups {
namespace {

constexpr uint64_t kNanosPerTick = 10'000'000;  // USER_HZ is 100 everywhere

class Group {
 public:
  static Result<Group> Open(const Tree* tree, const std::string& path) {
    return Group(tree ? TRY(tree->OpenGroup(path)) : UniqueFd());
  }
  std::string Text(const std::string& file) const {
    return dir_.valid() ? ControlText(dir_, file) : std::string();
  }
  uint64_t Number(const std::string& file) const { return ParseNumber(Text(file)).value_or(0); }
  std::vector<std::string> Hugepages() const {
    return dir_.valid() ? HugepageSizes(dir_, "usage_in_bytes") : std::vector<std::string>();
  }

 private:
  explicit Group(UniqueFd dir) : dir_(std::move(dir)) {}
  UniqueFd dir_;
};

void ReadCpu(const Group& cpu, const Group& cpuacct, Counters& out) {
  std::string ticks = cpuacct.Text("cpuacct.stat"), text = cpu.Text("cpu.stat");
  out.cpu_user_nanos = KeyedValue(ticks, "user") * kNanosPerTick;
  out.cpu_system_nanos = KeyedValue(ticks, "system") * kNanosPerTick;
  out.cpu_periods = KeyedValue(text, "nr_periods");
  out.cpu_throttled_periods = KeyedValue(text, "nr_throttled");
  out.cpu_throttled_nanos = KeyedValue(text, "throttled_time");
}

void ReadMemory(const Group& memory, Counters& out) {
  out.memory_max_usage = memory.Number("memory.max_usage_in_bytes");
  out.memory_limit_hits = memory.Number("memory.failcnt");
  out.memory_kernel = memory.Number("memory.kmem.usage_in_bytes");
  uint64_t soft = memory.Number("memory.soft_limit_in_bytes");
  out.memory_reservation = soft >= kNoLimit ? 0 : soft;
  std::string text = memory.Text("memory.stat");
  out.own_page_faults = KeyedValue(text, "pgfault");
  out.own_major_page_faults = KeyedValue(text, "pgmajfault");
}

void ReadIo(const Group& blkio, Counters& out) {
  ParseBlkio(blkio.Text("blkio.throttle.io_service_bytes_recursive"),
             [&](uint32_t major, uint32_t minor, bool write, uint64_t value) {
               Counters::Io& io = IoOf(out, major, minor);
               (write ? io.write_bytes : io.read_bytes) = value;
             });
  ParseBlkio(blkio.Text("blkio.throttle.io_serviced_recursive"),
             [&](uint32_t major, uint32_t minor, bool write, uint64_t value) {
               Counters::Io& io = IoOf(out, major, minor);
               (write ? io.writes : io.reads) = value;
             });
}

}  // namespace

Result<Counters> CgroupsV1::ReadCounters(const std::string& path) const {
  Counters out;
  ReadCpu(TRY(Group::Open(Find("cpu"), path)), TRY(Group::Open(Find("cpuacct"), path)), out);
  ReadMemory(TRY(Group::Open(Find("memory"), path)), out);
  out.oom_kills = TRY(ReadOomKills(path));
  Group pids = TRY(Group::Open(Find("pids"), path));
  out.threads = pids.Number("pids.current");
  out.threads_max = pids.Number("pids.max");
  ReadIo(TRY(Group::Open(Find("blkio"), path)), out);
  Group huge = TRY(Group::Open(Find("hugetlb"), path));
  for (const std::string& size : huge.Hugepages())
    out.hugepages.push_back({size, huge.Number(Cat("hugetlb.", size, ".usage_in_bytes")),
                             huge.Number(Cat("hugetlb.", size, ".max_usage_in_bytes"))});
  return out;
}

Result<std::vector<pid_t>> CgroupsV1::Processes(const std::string& path) const {
  const Tree* pids = Find("pids");
  return (pids ? pids : Find("memory"))->Processes(path);
}

}  // namespace cradle::cgroups
