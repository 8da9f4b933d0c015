// CheckLimits: pure but for the node's own ranges (processors, memory nodes, huge page sizes), read
// from /sys.
#include <algorithm>

#include "base/sys/file.h"
#include "cgroups/cgroups.h"
#include "cgroups/tree.h"
#include "cgroups/values.h"

namespace cradle::cgroups {
namespace {

constexpr int64_t kMinMemory = 512 << 10;             // a small static program, from exec to exit
constexpr int64_t kMaxPids = 4194304;                  // PID_MAX_LIMIT
constexpr int64_t kMaxQuota = (int64_t{1} << 44) - 1;  // the scheduler's MAX_BW, in microseconds

Result<> CheckRange(const char* field, int64_t value, int64_t low, int64_t high, const char* unit) {
  if (value == 0 || (value >= low && value <= high)) return {};
  return InvalidArgument(Cat(field, " ", std::to_string(value), ": must be between ",
                             std::to_string(low), " and ", std::to_string(high), unit));
}

Result<> CheckMemory(const Limits& limits) {
  for (auto [field, value] : {std::pair("memory_limit_in_bytes", limits.memory),
                              std::pair("memory_swap_limit_in_bytes", limits.memory_swap)})
    if (value < -1)
      return InvalidArgument(Cat(field, " ", std::to_string(value), ": must be -1 (none) or more"));
  if (limits.memory > 0 && limits.memory < kMinMemory)
    return InvalidArgument(Cat("memory_limit_in_bytes ", std::to_string(limits.memory),
                               ": too little to start a process, must be at least ",
                               std::to_string(kMinMemory)));
  if (limits.memory > 0 && limits.memory_swap > 0 && limits.memory_swap < limits.memory)
    return InvalidArgument(Cat("memory_swap_limit_in_bytes ", std::to_string(limits.memory_swap),
                               ": must not be below memory_limit_in_bytes ",
                               std::to_string(limits.memory)));
  if (limits.memory < 0 && limits.memory_swap > 0)
    return InvalidArgument(Cat("memory_swap_limit_in_bytes ", std::to_string(limits.memory_swap),
                               ": needs a memory_limit_in_bytes, which is -1"));
  return {};
}

// `online`: the node's file; a node without one has just 0.
Result<> CheckIds(const char* field, const std::string& value, const std::string& online) {
  if (value.empty()) return {};
  auto wanted = ParseIdList(value);
  if (!wanted) return InvalidArgument(Cat(field, " \"", value, "\": must be a list like 0-2,7"));
  auto text = sys::ReadFile(kCwd, online, 4096);
  std::set<int> there = (text.ok() ? ParseIdList(*text) : std::nullopt).value_or(std::set<int>{0});
  for (int id : *wanted)
    if (!there.contains(id))
      return InvalidArgument(Cat(field, " \"", value, "\": the node has no ", std::to_string(id),
                                 ", only ", text.ok() ? Trim(*text) : "0"));
  return {};
}

std::vector<std::string> NodeHugepages() {
  std::vector<std::string> names;
  auto dir = sys::OpenAt(kCwd, "/sys/kernel/mm/hugepages", 0);
  if (!dir.ok()) return names;
  auto entries = sys::ListDir(*dir);
  if (!entries.ok()) return names;
  for (std::string_view entry : *entries) {  // "hugepages-2048kB"
    if (!entry.starts_with("hugepages-") || !entry.ends_with("kB")) continue;
    entry.remove_prefix(sizeof "hugepages-" - 1);
    entry.remove_suffix(2);
    if (auto kib = ParseNumber(entry)) names.push_back(HugepageName(*kib));
  }
  return names;
}

Result<> CheckHugepages(const Limits& limits) {
  if (limits.hugepages.empty()) return {};
  std::vector<std::string> known = NodeHugepages();
  for (const auto& [size, bytes] : limits.hugepages) {
    if (std::ranges::find(known, size) != known.end()) continue;
    std::string list;
    for (const std::string& name : known) list += Cat(list.empty() ? "" : ", ", name);
    return InvalidArgument(Cat("hugepage_limits \"", size, "\": the node has huge pages of ",
                               list.empty() ? "no size" : list));
  }
  return {};
}

// A key names a file of the group's own: nothing of a path, nothing of the core ("cgroup.procs").
Result<> CheckUnified(const Limits& limits) {
  for (const auto& [key, value] : limits.unified) {
    bool plain = std::ranges::all_of(key, [](unsigned char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '.' || c == '_' || c == '-';
    });
    size_t dot = key.find('.');
    if (!plain || dot == 0 || dot == key.npos || key.starts_with("cgroup."))
      return InvalidArgument(
          Cat("unified \"", key, "\": must be a controller's file like memory.high"));
    // An empty one would write nothing, also to a file that isn't there.
    if (Trim(value).empty() || value.size() > 4096 || value.find('\0') != value.npos)
      return InvalidArgument(Cat("unified \"", key, "\": the value is empty, too long or holds a NUL"));
  }
  return {};
}

Result<> CheckDevices(const Limits& limits) {
  if (!limits.devices) return {};
  for (const DeviceRule& rule : *limits.devices) {
    bool type = rule.type == 'a' || rule.type == 'b' || rule.type == 'c';
    bool access = !rule.access.empty() && rule.access.find_first_not_of("rwm") == std::string::npos;
    if (!type || !access || rule.major < -1 || rule.minor < -1)
      return InvalidArgument(Cat("devices: rule ", std::string(1, rule.type), " ",
                                 std::to_string(rule.major), ":", std::to_string(rule.minor), " \"",
                                 rule.access, "\" is malformed"));
  }
  return {};
}

}  // namespace

Result<> CheckLimits(const Limits& limits) {
  TRYV(CheckRange("cpu_period", limits.cpu_period, 1000, 1000000, " microseconds"));
  if (limits.cpu_quota != -1)
    TRYV(CheckRange("cpu_quota", limits.cpu_quota, 1000, kMaxQuota, " microseconds, or -1"));
  TRYV(CheckRange("cpu_shares", limits.cpu_shares, 2, 262144, ""));
  if (limits.pids != -1) TRYV(CheckRange("pids_limit", limits.pids, 1, kMaxPids, ", or -1"));
  TRYV(CheckMemory(limits));
  TRYV(CheckIds("cpuset_cpus", limits.cpuset_cpus, "/sys/devices/system/cpu/online"));
  TRYV(CheckIds("cpuset_mems", limits.cpuset_mems, "/sys/devices/system/node/online"));
  TRYV(CheckHugepages(limits));
  TRYV(CheckUnified(limits));
  return CheckDevices(limits);
}

Result<> CheckTogether(const Limits& limits) {
  if (limits.memory > 0 || limits.memory_swap <= 0) return {};
  return InvalidArgument(Cat("memory_swap_limit_in_bytes ", std::to_string(limits.memory_swap), ": needs a memory_limit_in_bytes"));
}

Result<PodParent> Cgroups::ParentOf(const std::string& cgroup_parent, const std::string& pod) const {
  if (cgroup_parent.empty()) return PodParent{Cat("/cradle/pod-", pod), true};
  TRYV(CheckPath(cgroup_parent));
  return PodParent{cgroup_parent, false};
}

Limits Merge(Limits limits, const Limits& change) {
  auto take = [](auto& value, const auto& changed) {
    if (changed != std::remove_cvref_t<decltype(value)>{}) value = changed;
  };
  take(limits.cpu_shares, change.cpu_shares);
  take(limits.cpu_quota, change.cpu_quota);
  take(limits.cpu_period, change.cpu_period);
  take(limits.memory, change.memory);
  take(limits.memory_swap, change.memory_swap);
  take(limits.cpuset_cpus, change.cpuset_cpus);
  take(limits.cpuset_mems, change.cpuset_mems);
  take(limits.pids, change.pids);
  for (const auto& page : change.hugepages) {
    std::erase_if(limits.hugepages, [&](const auto& one) { return one.first == page.first; });
    limits.hugepages.push_back(page);
  }
  for (const auto& [key, value] : change.unified) limits.unified[key] = value;
  if (change.devices) limits.devices = change.devices;
  return limits;
}

}  // namespace cradle::cgroups
