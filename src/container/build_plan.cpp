#include "container/build_plan.h"

#include <sched.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "container/build_mounts.h"

namespace cradle::container {
namespace {

Result<> CheckSecurity(const SecuritySpec& security, const PodContext& pod) {
  if (security.privileged && !pod.privileged)
    return FailedPrecondition("security_context.privileged: the pod isn't privileged");
  return {};
}

Result<> CheckPaths(std::string_view field, const std::vector<std::string>& paths) {
  for (const std::string& path : paths)
    if (!path.starts_with('/') || path.find('\0') != std::string::npos)
      return InvalidArgument(Cat(field, " \"", path.substr(0, 256), "\" is no absolute path"));
  return {};
}

uint64_t JoinedNamespaces(const SecuritySpec& security) {
  uint64_t joined = 0;
  // The host name goes with the network: a pod on the host's network has no name of its own.
  if (!security.host_network) joined |= CLONE_NEWNET | CLONE_NEWUTS;
  if (!security.host_ipc) joined |= CLONE_NEWIPC;
  return joined;
}

// The image's VOLUMEs, but for those that a mount of the request covers. What isn't a usable path is the image's fault.
std::vector<std::string> VolumeDirs(const image::ImageConfig& image, const std::vector<MountPlan>& mounts) {
  std::vector<std::string> dirs;
  for (const std::string& volume : image.volumes) {
    const std::string dir = CleanPath(volume);
    const bool usable = dir.starts_with('/') && dir != "/" && dir.find('\0') == std::string::npos;
    const bool mounted =
        std::any_of(mounts.begin(), mounts.end(), [&](const MountPlan& mount) { return mount.target == dir; });
    if (usable && !mounted) dirs.push_back(dir);
  }
  return dirs;
}

// The id as the host has it, in a pod with a user namespace.
void SetOwner(const std::optional<int64_t>& id, const IdRange* range, uint32_t& owner) {
  if (!id || (range && *id >= range->length)) return;
  owner = static_cast<uint32_t>(*id) + (range ? range->host : 0);
}

// A CDI specification's owner is one of the container's ids. Else it is the user, where the node says so (who isn't root
// can't open what stays the host's root's), or whom the host's node belongs to.
void SetOwners(const ContainerSpec& spec, const PodContext& pod, bool to_user, std::vector<DevicePlan>& devices) {
  for (DevicePlan& device : devices) {
    std::optional<int64_t> uid, gid;
    if (to_user) uid = spec.security.run_as_user, gid = spec.security.run_as_group;
    auto own = std::ranges::find(spec.devices, device.path, &DeviceSpec::container_path);
    if (own != spec.devices.end() && own->uid) uid = *own->uid;
    if (own != spec.devices.end() && own->gid) gid = *own->gid;
    SetOwner(uid, pod.users ? &pod.users->uids : nullptr, device.uid);
    SetOwner(gid, pod.users ? &pod.users->gids : nullptr, device.gid);
  }
}

// Those asked for win over the host's at the same place. Below a mount of the request nothing is made: that would be
// in the host's own directory.
Result<std::vector<DevicePlan>> BuildDevices(const ContainerSpec& spec, const PodContext& pod, const NodeFacts& node) {
  std::vector<DevicePlan> devices = TRY(ResolveDevices(spec.devices));
  SetOwners(spec, pod, node.devices_to_user, devices);
  if (spec.security.privileged) {
    std::set<std::string> taken;
    for (const DevicePlan& device : devices) taken.insert(device.path);
    std::copy_if(node.host_devices.begin(), node.host_devices.end(), std::back_inserter(devices),
                 [&](const DevicePlan& device) { return !taken.contains(device.path); });
  }
  std::erase_if(devices, [&](const DevicePlan& device) { return IsMountedOver(spec, device.path); });
  for (const DevicePlan& device : devices)  // its root can't make one, and the node's reaches no further
    if (pod.users && !device.path.starts_with("/dev/"))
      return InvalidArgument(Cat("devices.container_path \"", device.path.substr(0, 256),
                                 "\" is not below /dev: impossible in a pod with a user namespace"));
  return devices;
}

bool HasLimit(const cgroups::Limits& limits) {
  return limits.memory > 0 || limits.cpu_quota > 0 || !limits.cpuset_cpus.empty() || limits.unified.contains("memory.max") ||
         limits.unified.contains("cpu.max");
}

// Unmasked (procMount) and privileged containers want the kernel's own /proc: mounts over it would also forbid them a
// procfs in a user namespace of their own (mount_too_revealing() in fs/namespace.c).
bool ShowsViews(const ContainerSpec& spec, const PodContext& pod, const std::vector<MountPlan>& mounts) {
  const auto has = [&](MountPlan::Kind kind) {
    return std::any_of(mounts.begin(), mounts.end(), [&](const MountPlan& mount) { return mount.kind == kind; });
  };
  if (pod.views == Views::kOff || !has(MountPlan::Kind::kProc) || !has(MountPlan::Kind::kSysfs)) return false;
  if (pod.views == Views::kAsked) return true;
  const bool masked = !spec.security.privileged && !spec.security.masked_paths.empty();
  return masked && (pod.views == Views::kAll || HasLimit(spec.limits));
}

}  // namespace

Result<LaunchPlan> BuildLaunchPlan(const ContainerRecord& record, const PodContext& pod, const NodeFacts& node,
                                   const Places& places, SeccompCache& seccomp) {
  const ContainerSpec& spec = record.spec;
  const SecuritySpec& security = spec.security;
  TRYV(CheckSecurity(security, pod));
  TRYV(CheckPaths("masked_paths", security.masked_paths));
  TRYV(CheckPaths("readonly_paths", security.readonly_paths));
  if (record.image.layer_dirs.empty()) return FailedPrecondition(Cat("image ", record.image.id, " has no layers"));
  LaunchPlan plan;
  plan.container_id = record.id.str();
  plan.cgroup_join = places.placement.join_dirs;
  plan.cgroup_v2 = places.placement.v2_dir;
  plan.oom_file = places.placement.oom_file;
  plan.oom_below = places.placement.oom_below;
  plan.pid_mode = security.pid_mode;
  plan.pid_target = security.pid_target;
  plan.join_namespaces = JoinedNamespaces(security);
  plan.users = pod.users;
  plan.lower_dirs = record.image.layer_dirs;
  plan.upper_dir = places.upper_dir;
  plan.work_dir = places.work_dir;
  plan.overlay_volatile = node.overlay_volatile;
  plan.readonly_rootfs = security.readonly_rootfs;
  plan.root_propagation = RootPropagation(spec);
  plan.mounts = TRY(BuildMounts(record, pod, node.defaults));
  plan.devices = TRY(BuildDevices(spec, pod, node));
  if (!security.privileged) {
    plan.masked_paths = security.masked_paths;
    plan.readonly_paths = security.readonly_paths;
  }
  plan.volume_dirs = VolumeDirs(record.image.config, plan.mounts);
  plan.mount_label = BuildSelinuxLabels(node.selinux, security.selinux, pod.selinux, security.privileged).file;
  plan.process = TRY(BuildProcess(record, pod, node, seccomp));
  plan.keep_stdin = spec.stdin_open;
  plan.stdin_once = spec.stdin_once;
  plan.log_path = record.log_path;
  if (ShowsViews(spec, pod, plan.mounts)) plan.view_places = places.placement.figures;
  return plan;
}

}  // namespace cradle::container
