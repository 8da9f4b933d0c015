#include "cgroups/v1_limits.h"

#include <algorithm>

namespace cradle::cgroups {
namespace {

class Plan {
 public:
  void Number(const char* controller, const char* file, const char* field, int64_t value) {
    if (value != 0) Text(controller, file, field, std::to_string(value));
  }
  void Text(const char* controller, const std::string& file, const std::string& field,
            const std::string& value) {
    if (!value.empty()) writes_.push_back({controller, file, value, Cat(field, " ", value)});
  }
  V1Write& last() { return writes_.back(); }
  std::vector<V1Write> Take() { return std::move(writes_); }

 private:
  std::vector<V1Write> writes_;
};

// The kernel refuses quota/period above the parent's. With the longer period, or the smaller quota,
// first, what stands between the two writes is never above both what was and what will be.
void Cpu(const Limits& limits, const V1Current& current, Plan& plan) {
  plan.Number("cpu", "cpu.shares", "cpu_shares", limits.cpu_shares);
  bool longer = limits.cpu_period > current.cpu_period;
  if (longer) plan.Number("cpu", "cpu.cfs_period_us", "cpu_period", limits.cpu_period);
  plan.Number("cpu", "cpu.cfs_quota_us", "cpu_quota", limits.cpu_quota);
  if (!longer) plan.Number("cpu", "cpu.cfs_period_us", "cpu_period", limits.cpu_period);
}

// memory+swap may never be below memory: it goes first when it rises.
void Memory(const Limits& limits, const V1Current& current, Plan& plan) {
  bool rises = limits.memory_swap == -1 ||
               (current.memory_swap >= 0 && limits.memory_swap > current.memory_swap);
  auto swap = [&] {
    if (limits.memory_swap == 0) return;
    plan.Number("memory", "memory.memsw.limit_in_bytes", "memory_swap_limit_in_bytes",
                limits.memory_swap);
    plan.last().optional = true;  // the kernel may have been started without swap accounting
  };
  if (rises) swap();
  plan.Number("memory", "memory.limit_in_bytes", "memory_limit_in_bytes", limits.memory);
  if (!rises) swap();
}

}  // namespace

std::vector<V1Write> PlanV1Writes(const Limits& limits, const V1Current& current) {
  Plan plan;
  plan.Text("cpuset", "cpuset.cpus", "cpuset_cpus", limits.cpuset_cpus);
  plan.Text("cpuset", "cpuset.mems", "cpuset_mems", limits.cpuset_mems);
  Cpu(limits, current, plan);
  Memory(limits, current, plan);
  if (limits.pids != 0)
    plan.Text("pids", "pids.max", "pids_limit",
              limits.pids < 0 ? "max" : std::to_string(limits.pids));
  for (const auto& [size, bytes] : limits.hugepages) {
    plan.Text("hugetlb", Cat("hugetlb.", size, ".limit_in_bytes"), Cat("hugepage_limits ", size),
              std::to_string(bytes));
    plan.last().optional = true;
  }
  return plan.Take();
}

std::vector<V1DeviceWrite> PlanV1Devices(const std::vector<DeviceRule>& rules) {
  auto number = [](int64_t value) { return value < 0 ? std::string("*") : std::to_string(value); };
  std::vector<V1DeviceWrite> writes;
  for (const DeviceRule& rule : rules)
    writes.push_back({rule.allow, rule.type == 'a'
                                      ? "a"
                                      : Cat(std::string(1, rule.type), " ", number(rule.major), ":",
                                            number(rule.minor), " ", rule.access)});
  return writes;
}

}  // namespace cradle::cgroups
