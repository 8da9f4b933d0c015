#include "cgroups/v2_limits.h"

#include <algorithm>
#include <cmath>

#include "cgroups/values.h"

namespace cradle::cgroups {
namespace {

std::string NumberOrMax(int64_t value) { return value < 0 ? "max" : std::to_string(value); }

class Plan {
 public:
  void Add(std::string file, std::string value, std::string field) {
    writes_.push_back({std::move(file), std::move(value), std::move(field)});
  }
  void Optional(std::string file, std::string value, std::string field) {
    Add(std::move(file), std::move(value), std::move(field));
    writes_.back().optional = true;
  }
  std::vector<V2Write> Take() { return std::move(writes_); }

 private:
  std::vector<V2Write> writes_;
};

std::string Field(const char* name, int64_t value) { return Cat(name, " ", std::to_string(value)); }

void Cpu(const Limits& limits, const V2Current& current, Plan& plan) {
  if (limits.cpu_shares != 0)
    plan.Add("cpu.weight", std::to_string(WeightFromShares(limits.cpu_shares)),
             Field("cpu_shares", limits.cpu_shares));
  if (limits.cpu_quota == 0 && limits.cpu_period == 0) return;
  int64_t quota = limits.cpu_quota ? limits.cpu_quota : current.cpu_quota;
  int64_t period = limits.cpu_period ? limits.cpu_period : current.cpu_period;
  plan.Add("cpu.max", Cat(NumberOrMax(quota), " ", std::to_string(period)),
           limits.cpu_quota ? Field("cpu_quota", quota) : Field("cpu_period", period));
}

void Memory(const Limits& limits, const V2Current& current, Plan& plan) {
  if (limits.memory != 0)
    plan.Add("memory.max", NumberOrMax(limits.memory),
             Field("memory_limit_in_bytes", limits.memory));
  if (limits.memory_swap == 0) return;
  int64_t memory = limits.memory ? limits.memory : current.memory;
  std::string field = Field("memory_swap_limit_in_bytes", limits.memory_swap);
  // With memory + swap below memory, as after memory alone was raised, there is no swap.
  if (limits.memory_swap < 0)
    plan.Optional("memory.swap.max", "max", field);
  else if (memory >= 0)
    plan.Optional("memory.swap.max",
                  std::to_string(std::max<int64_t>(limits.memory_swap - memory, 0)), field);
}

// "8:0 rbps=1048576": what a line is about; "" for a file with one value.
std::string_view DeviceOf(std::string_view line) {
  std::string_view word = line.substr(0, line.find(' '));
  return word.find(':') == word.npos ? std::string_view() : word;
}

}  // namespace

V2Current ParseV2Current(std::string_view cpu_max, std::string_view memory_max) {
  V2Current current;
  auto words = Split(Trim(cpu_max), ' ');
  if (words.size() == 2) {
    if (auto quota = ParseNumber(words[0])) current.cpu_quota = static_cast<int64_t>(*quota);
    if (auto period = ParseNumber(words[1])) current.cpu_period = static_cast<int64_t>(*period);
  }
  if (auto memory = ParseNumber(memory_max)) current.memory = static_cast<int64_t>(*memory);
  return current;
}

// The curve through (2, 1), (1024, 100) and (262144, 10000) that runtimes have agreed on; the straight line used
// before gave a container with one CPU a weight of 39, below everything outside Kubernetes.
int64_t WeightFromShares(int64_t shares) {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  double l = std::log2(static_cast<double>(shares));
  return static_cast<int64_t>(std::ceil(std::pow(10.0, (l * l + 125 * l) / 612 - 7.0 / 34)));
}

std::vector<V2Write> PlanV2Writes(const Limits& limits, const V2Current& current) {
  Plan plan;
  if (!limits.cpuset_cpus.empty())
    plan.Add("cpuset.cpus", limits.cpuset_cpus, Cat("cpuset_cpus ", limits.cpuset_cpus));
  if (!limits.cpuset_mems.empty())
    plan.Add("cpuset.mems", limits.cpuset_mems, Cat("cpuset_mems ", limits.cpuset_mems));
  Cpu(limits, current, plan);
  Memory(limits, current, plan);
  if (limits.pids != 0)
    plan.Add("pids.max", NumberOrMax(limits.pids), Field("pids_limit", limits.pids));
  for (const auto& [size, bytes] : limits.hugepages)
    for (const char* kind : {".rsvd.max", ".max"})
      plan.Optional(Cat("hugetlb.", size, kind), std::to_string(bytes),
                    Cat("hugepage_limits ", size, " ", std::to_string(bytes)));
  for (const auto& [key, value] : limits.unified)
    for (std::string_view line : Split(value, '\n'))
      plan.Add(key, std::string(line), Cat("unified \"", key, "\": \"", value, "\""));
  return plan.Take();
}

std::vector<std::string> PlanV2Restore(std::string_view file, std::string_view written,
                                       std::string_view before) {
  std::vector<std::string> writes;
  std::string_view device = DeviceOf(written);
  bool known = device.empty();
  for (std::string_view line : Split(before, '\n')) {
    known = known || DeviceOf(line) == device;
    writes.emplace_back(line);
  }
  if (!known)
    writes.push_back(
        Cat(device, file == "io.max" ? " rbps=max wbps=max riops=max wiops=max" : " default"));
  if (writes.empty()) writes.push_back("\n");  // an empty cpuset.cpus: the parent's
  return writes;
}

}  // namespace cradle::cgroups
