// Cgroups: the kernel's limits, accounting and killing of a group of processes. One interface; the implementation
// (v1 with its separate or co-mounted hierarchies, also hybrid; v2; v2 below scopes that systemd delegates) is chosen
// once, by Detect. A group is named by a path like "/kubepods/burstable/pod123/<id>", the same in every hierarchy and absolute from
// the hierarchy's root, never relative to the daemon's own group. Thread safe; no call waits for another group.
//
// Source: kernel admin-guide/cgroup-v1/*, cgroup-v2.rst. Units: bytes, microseconds.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/undo.h"
#include "cgroups/figure_places.h"

namespace cradle::cgroups {

struct DeviceRule {
  bool allow = true;
  char type = 'a';             // 'a' all, 'c', 'b'
  int64_t major = -1, minor = -1;  // -1: any
  std::string access = "rwm";
};

// 0 or empty: left alone (CRI's convention), but where a comment says otherwise.
struct Limits {
  int64_t cpu_shares = 0;      // v1 scale, 2-262144
  int64_t cpu_quota = 0;       // us per period; -1 unlimited
  int64_t cpu_period = 0;      // us, 1000-1000000
  int64_t memory = 0;          // bytes; -1 unlimited
  int64_t memory_swap = 0;     // memory + swap, bytes; -1 unlimited
  std::string cpuset_cpus = {}, cpuset_mems = {};
  int64_t pids = 0;
  std::vector<std::pair<std::string, uint64_t>> hugepages = {};  // page size as in "2MB", bytes (0 is a limit)
  std::map<std::string, std::string> unified = {};          // v2 only; keys without '/'
  std::optional<std::vector<DeviceRule>> devices = {};  // in order; the first is the default
};
// The node's ranges; INVALID_ARGUMENT naming the field of CRI's LinuxContainerResources and its value.
Result<> CheckLimits(const Limits& limits);
// Of all that a group is to have, not of a change to it: swap is limited beside memory only.
Result<> CheckTogether(const Limits& limits);
// `limits` after an update to `change`: what is set there replaces what was, page size by page size, key by key.
Limits Merge(Limits limits, const Limits& change);

// Where a process joins a group (see container::LaunchPlan).
struct Placement {
  std::vector<std::string> join_dirs;  // v1
  std::string v2_dir;                  // unified tree, also a bare one beside v1
  std::string oom_file;                // the file with a line "oom_kill N"
  bool oom_below = false;              // the groups below count their own (v1); else the line is of all together
  FigurePlaces figures;                // for Figures::Open
};

// Shares of the last 10, 60 and 300 seconds, in percent, in which some or all processes had to wait; total: ever.
struct Pressure {
  struct Line {
    double avg10 = 0, avg60 = 0, avg300 = 0;
    uint64_t total_micros = 0;
    bool operator==(const Line&) const = default;
  };
  Line some, full;
  bool operator==(const Pressure&) const = default;
};

// What a kubelet polls: each file that it takes is opened for every container, every ten seconds.
struct Stats {
  int64_t wall_nanos = 0;         // when it was read
  uint64_t cpu_usage_nanos = 0;
  uint64_t memory_usage = 0, memory_working_set = 0, memory_rss = 0, memory_cache = 0, memory_mapped_file = 0;
  uint64_t memory_limit = 0;      // 0: none
  uint64_t memory_swap_usage = 0, memory_swap_limit = 0;
  uint64_t page_faults = 0, major_page_faults = 0;
  std::optional<Pressure> cpu_pressure, memory_pressure, io_pressure;  // unset: the kernel keeps none
};

// What metrics tell beside the statistics.
struct Counters {
  struct Io {
    uint32_t major = 0, minor = 0;
    uint64_t reads = 0, writes = 0, read_bytes = 0, write_bytes = 0;
  };
  struct Hugepages {
    std::string size;              // "2MB"
    uint64_t usage = 0, max_usage = 0;
  };
  uint64_t cpu_user_nanos = 0, cpu_system_nanos = 0;
  uint64_t cpu_periods = 0, cpu_throttled_periods = 0, cpu_throttled_nanos = 0;
  uint64_t memory_max_usage = 0, memory_limit_hits = 0, memory_kernel = 0;
  uint64_t memory_reservation = 0;  // 0: none
  uint64_t own_page_faults = 0, own_major_page_faults = 0;  // without those of groups below
  uint64_t oom_kills = 0;
  uint64_t threads = 0, threads_max = 0;  // 0: no limit
  std::vector<Io> io;              // one per device
  std::vector<Hugepages> hugepages;
};

// Who makes the groups, as the kubelet must know it.
enum class Driver { kCgroupfs, kSystemd };

struct Options {
  std::optional<Driver> driver;   // unset: systemd where it is the init and the node has v2
  std::string holder_program;     // systemd only: what sleeps in a scope to keep it (cradle-pause)
};

// Below which group those of a pod lie.
struct PodParent {
  std::string path;
  bool own = false;  // made for the pod, goes with it
};

class Cgroups {
 public:
  // Looks at the mounts (/proc/self/mountinfo).
  static Result<std::unique_ptr<Cgroups>> Detect(const Options& options);
  virtual ~Cgroups() = default;

  // For `cradlectl info`: "v1 (hybrid)", "v2".
  virtual std::string Describe() const = 0;
  virtual Driver driver() const { return Driver::kCgroupfs; }

  // `cgroup_parent` as CRI gives it; empty: the pod gets one of ours. INVALID_ARGUMENT names the value.
  virtual Result<PodParent> ParentOf(const std::string& cgroup_parent, const std::string& pod) const;
  // Of the helpers that outlive the daemon: neither a pod's nor the daemon's.
  virtual std::string ShimsGroup() const { return "/cradle/shims"; }

  // Makes the group (and missing parents, with cpuset copied down on v1) and sets its limits; an error leaves nothing
  // of the group behind. A group that exists already is taken over.
  virtual Result<Placement> Create(const std::string& path, const Limits& limits) = 0;
  // Where it is, without making anything.
  virtual Placement Locate(const std::string& path) const = 0;
  // All or nothing; only fields that are set change. A limit below what is in use is FAILED_PRECONDITION. The caller
  // commits what comes back, or the old values are written again.
  virtual Result<Undo> Update(const std::string& path, const Limits& limits) = 0;
  // Makes a child of the group in the v2 tree only, for one exec ("<path>/exec-<n>"); its v2 directory.
  virtual Result<std::string> CreateExec(const std::string& path, const std::string& name) = 0;
  // SIGKILL to every process in it and below: cgroup.kill where there is a v2 tree. A missing group is fine.
  virtual Result<> Kill(const std::string& path) = 0;
  // Kills, waits until it is empty or the deadline, removes it in every hierarchy, children first. Idempotent.
  virtual Result<> Destroy(const std::string& path, Deadline deadline) = 0;
  virtual bool Exists(const std::string& path) const = 0;
  // Groups directly below, by name.
  virtual std::vector<std::string> Children(const std::string& path) const = 0;
  virtual Result<Stats> ReadStats(const std::string& path) const = 0;
  virtual Result<Counters> ReadCounters(const std::string& path) const = 0;
  // In the group and below. A missing group has none.
  virtual Result<std::vector<pid_t>> Processes(const std::string& path) const = 0;
  virtual Result<uint64_t> ReadOomKills(const std::string& path) const = 0;
};

}  // namespace cradle::cgroups
