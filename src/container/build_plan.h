// From what was asked to what will be done: pure functions, golden tests. No file is opened but a Localhost seccomp
// profile (by the seccomp cache).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "container/defaults.h"
#include "container/plan.h"
#include "container/spec.h"

namespace cradle::container {

// What the node is like; made once at start.
struct NodeFacts {
  uint64_t bounding_caps = 0;        // the daemon's own: what "ALL" may mean at most
  int oom_score_adj = 0;             // the daemon's own: lowering below it may be refused
  std::vector<DevicePlan> host_devices;   // for privileged containers: /dev of the host
  bool overlay_volatile = true;
  bool apparmor = false;             // the kernel confines by AppArmor
  bool apparmor_default = false;     // and `cradle-default` can be loaded
  SelinuxPolicy selinux;
  Defaults defaults;
  bool devices_to_user = false;      // devices that a request names belong to its run_as_user and run_as_group
};
// Looks at this process and at /dev.
Result<NodeFacts> CollectNodeFacts();

// Who is shown its own figures in /proc (src/lxcfs).
enum class Views : uint8_t {
  kOff,
  kLimited,  // containers with a limit of memory or processors
  kAll,      // those too that have none
  kAsked,    // by the pod itself: privileged and unmasked ones too
};

// What the pod gives each of its containers.
struct PodContext {
  std::string resolv_conf, hosts, hostname_file;  // host paths; empty: not mounted
  std::string hostname;                           // HOSTNAME of the environment
  bool privileged = false;
  std::optional<UserNamespace> users;
  SelinuxOptions selinux;                         // what its containers ask for when they don't say
  Views views = Views::kOff;
};

// Where the container's pieces are.
struct Places {
  std::string upper_dir, work_dir;
  cgroups::Placement placement;
};

class SeccompCache;

// The process alone: what an exec needs again. `exec_args` empty: the container's own command.
Result<ProcessPlan> BuildProcess(const ContainerRecord& record, const PodContext& pod, const NodeFacts& node,
                                 SeccompCache& seccomp);
Result<LaunchPlan> BuildLaunchPlan(const ContainerRecord& record, const PodContext& pod, const NodeFacts& node,
                                   const Places& places, SeccompCache& seccomp);
// The device rules of the container's cgroup: nothing but the defaults and what was asked for; privileged: all.
std::vector<cgroups::DeviceRule> BuildDeviceRules(const ContainerSpec& spec);
// Looks at the host paths of spec.devices (a directory means every device below it). Not pure: stat(2).
Result<std::vector<DevicePlan>> ResolveDevices(const std::vector<DeviceSpec>& devices);
// "SIGTERM", "TERM", "15", "SIGRTMIN+3"; empty: SIGTERM. The spec's, else the image's.
Result<int> StopSignal(const ContainerSpec& spec, const image::ImageConfig& image);
std::string SignalName(int signal);

// Compiled profiles, each once. Thread safe.
class SeccompCache {
 public:
  virtual ~SeccompCache() = default;
  // sock_filter[] as bytes. RuntimeDefault depends on the capabilities (bit mask) that the process will have.
  virtual Result<std::string> RuntimeDefault(uint64_t caps) = 0;
  virtual Result<std::string> Localhost(const std::string& path, uint64_t caps) = 0;
  static std::unique_ptr<SeccompCache> Create();
};

}  // namespace cradle::container
