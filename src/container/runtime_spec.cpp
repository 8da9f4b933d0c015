#include "container/runtime_spec.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>

#include <nlohmann/json.hpp>

#include "container/capabilities.h"
#include "container/syscall_numbers.h"

namespace cradle::container {
namespace {

using nlohmann::ordered_json;

constexpr char kVersion[] = "1.2.1";

std::string Text(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

void AddIf(ordered_json& out, const char* name, ordered_json value) {
  if (!value.empty()) out[name] = std::move(value);
}
void AddIfSet(ordered_json& out, const char* name, int64_t value) {
  if (value != 0) out[name] = value;
}

ordered_json Annotations(const char* type, const PodFacts& pod) {
  return {{"io.kubernetes.cri.container-type", type},
          {"io.kubernetes.cri.sandbox-id", pod.id},
          {"io.kubernetes.cri.sandbox-name", pod.name},
          {"io.kubernetes.cri.sandbox-namespace", pod.name_space},
          {"io.kubernetes.cri.sandbox-uid", pod.uid}};
}

ordered_json User(const ResolvedUser& user) {
  ordered_json out = {{"uid", user.uid}, {"gid", user.gid}};
  AddIf(out, "additionalGids", user.groups);
  return out;
}

ordered_json Process(const ProcessPlan& plan, const ResolvedUser& user) {
  ordered_json out;
  if (plan.terminal) out["terminal"] = true;
  out["user"] = User(user);
  out["args"] = plan.args;
  out["env"] = plan.env;
  out["cwd"] = plan.cwd;
  ordered_json sets;
  AddIf(sets, "bounding", CapabilityNames(plan.caps_bounding));
  AddIf(sets, "effective", CapabilityNames(plan.caps_effective));
  AddIf(sets, "permitted", CapabilityNames(plan.caps_permitted));
  AddIf(sets, "inheritable", CapabilityNames(plan.caps_inheritable));
  AddIf(sets, "ambient", CapabilityNames(plan.caps_ambient));
  AddIf(out, "capabilities", sets);
  if (plan.no_new_privs) out["noNewPrivileges"] = true;
  if (!plan.apparmor_profile.empty()) out["apparmorProfile"] = plan.apparmor_profile;
  if (!plan.selinux_label.empty()) out["selinuxLabel"] = plan.selinux_label;
  if (plan.oom_score_adj) out["oomScoreAdj"] = *plan.oom_score_adj;
  return out;
}

const char* PropagationName(Propagation propagation) {
  switch (propagation) {
    case Propagation::kSlave:
      return "rslave";
    case Propagation::kShared:
      return "rshared";
    case Propagation::kPrivate:
      break;
  }
  return "rprivate";
}

std::pair<const char*, std::string> TypeAndSource(const MountPlan& mount) {
  using Kind = MountPlan::Kind;
  switch (mount.kind) {
    case Kind::kProc:
      return {"proc", "proc"};
    case Kind::kSysfs:
      return {"sysfs", "sysfs"};
    case Kind::kTmpfs:
      return {"tmpfs", "tmpfs"};
    case Kind::kDevpts:
      return {"devpts", "devpts"};
    case Kind::kMqueue:
      return {"mqueue", "mqueue"};
    case Kind::kPodShm:
      return {"bind", "shm"};
    case Kind::kCgroup:
      return {"cgroup", "cgroup"};
    case Kind::kImage:
      return {"overlay", "overlay"};
    case Kind::kBind:
      break;
  }
  return {"bind", mount.host_source};
}

ordered_json MountOptions(const MountPlan& mount) {
  ordered_json options = ordered_json::array();
  if (mount.kind == MountPlan::Kind::kBind) {
    options.push_back("rbind");
    options.push_back(PropagationName(mount.propagation));
  }
  if (mount.nosuid) options.push_back("nosuid");
  if (mount.noexec) options.push_back("noexec");
  if (mount.nodev) options.push_back("nodev");
  for (size_t at = 0; at < mount.options.size();) {
    size_t end = std::min(mount.options.find(',', at), mount.options.size());
    options.push_back(mount.options.substr(at, end - at));
    at = end + 1;
  }
  if (mount.recursive_readonly)
    options.push_back("rro");
  else if (mount.readonly)
    options.push_back("ro");
  else if (mount.kind == MountPlan::Kind::kBind)
    options.push_back("rw");
  return options;
}

ordered_json Mounts(const std::vector<MountPlan>& mounts) {
  ordered_json out = ordered_json::array();
  for (const MountPlan& mount : mounts) {
    auto [type, source] = TypeAndSource(mount);
    out.push_back({{"destination", mount.target},
                   {"type", type},
                   {"source", source},
                   {"options", MountOptions(mount)}});
  }
  return out;
}

ordered_json Resources(const cgroups::Limits& limits) {
  ordered_json out, memory, cpu;
  for (const cgroups::DeviceRule& rule : limits.devices.value_or(std::vector<cgroups::DeviceRule>())) {
    ordered_json one = {{"allow", rule.allow}};
    if (rule.type != 'a') one["type"] = std::string(1, rule.type);
    if (rule.major >= 0) one["major"] = rule.major;
    if (rule.minor >= 0) one["minor"] = rule.minor;
    one["access"] = rule.access;
    out["devices"].push_back(std::move(one));
  }
  AddIfSet(memory, "limit", limits.memory);
  AddIfSet(memory, "swap", limits.memory_swap);
  AddIf(out, "memory", memory);
  AddIfSet(cpu, "shares", limits.cpu_shares);
  AddIfSet(cpu, "quota", limits.cpu_quota);
  AddIfSet(cpu, "period", limits.cpu_period);
  if (!limits.cpuset_cpus.empty()) cpu["cpus"] = limits.cpuset_cpus;
  if (!limits.cpuset_mems.empty()) cpu["mems"] = limits.cpuset_mems;
  AddIf(out, "cpu", cpu);
  if (limits.pids != 0) out["pids"] = {{"limit", limits.pids}};
  for (const auto& [size, bytes] : limits.hugepages)
    out["hugepageLimits"].push_back({{"pageSize", size}, {"limit", bytes}});
  AddIf(out, "unified", limits.unified);
  return out;
}

ordered_json Namespace(const char* type, pid_t of, const char* file) {
  ordered_json out = {{"type", type}};
  if (of != 0) out["path"] = Cat("/proc/", std::to_string(of), "/ns/", file);
  return out;
}

// The container's own have no path, the pod's have one, the host's are left out.
ordered_json Namespaces(const LaunchPlan& plan, const PodFacts& pod) {
  ordered_json out = ordered_json::array();
  if (plan.pid_mode != PidMode::kNode)
    out.push_back(Namespace("pid", plan.pid_mode == PidMode::kPod ? pod.pause_pid : 0, "pid_for_children"));
  if (plan.join_namespaces & CLONE_NEWIPC) out.push_back(Namespace("ipc", pod.pause_pid, "ipc"));
  if (plan.join_namespaces & CLONE_NEWUTS) out.push_back(Namespace("uts", pod.pause_pid, "uts"));
  out.push_back(Namespace("mount", 0, "mnt"));
  if (plan.join_namespaces & CLONE_NEWNET) out.push_back(Namespace("network", pod.pause_pid, "net"));
  out.push_back(Namespace("cgroup", 0, "cgroup"));
  if (plan.users) out.push_back(Namespace("user", pod.pause_pid, "user"));
  return out;
}

ordered_json Mappings(const IdRange& range) {
  return ordered_json::array({{{"containerID", 0}, {"hostID", range.host}, {"size", range.length}}});
}

ordered_json Devices(const std::vector<DevicePlan>& devices) {
  ordered_json out = ordered_json::array();
  for (const DevicePlan& device : devices)
    out.push_back({{"path", device.path},
                   {"type", device.block ? "b" : "c"},
                   {"major", device.major},
                   {"minor", device.minor},
                   {"fileMode", device.mode},
                   {"uid", device.uid},
                   {"gid", device.gid}});
  return out;
}

// `name`: of the field that holds the errno.
void AddAction(ordered_json& out, const char* field, const char* name, uint32_t action) {
  uint32_t data = action & SECCOMP_RET_DATA;
  switch (action & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
      out[field] = "SCMP_ACT_ALLOW";
      return;
    case SECCOMP_RET_ERRNO:
      out[field] = "SCMP_ACT_ERRNO";
      break;
    case SECCOMP_RET_KILL_PROCESS:
      out[field] = "SCMP_ACT_KILL_PROCESS";
      return;
    case SECCOMP_RET_TRAP:
      out[field] = "SCMP_ACT_TRAP";
      return;
    case SECCOMP_RET_TRACE:
      out[field] = "SCMP_ACT_TRACE";
      break;
    case SECCOMP_RET_LOG:
      out[field] = "SCMP_ACT_LOG";
      return;
    default:
      out[field] = "SCMP_ACT_KILL_THREAD";
      return;
  }
  if (data != EPERM) out[name] = data;
}

const char* ComparisonName(SeccompArg::Op op) {
  using Op = SeccompArg::Op;
  switch (op) {
    case Op::kNotEqual:
      return "SCMP_CMP_NE";
    case Op::kLess:
      return "SCMP_CMP_LT";
    case Op::kLessOrEqual:
      return "SCMP_CMP_LE";
    case Op::kGreaterOrEqual:
      return "SCMP_CMP_GE";
    case Op::kGreater:
      return "SCMP_CMP_GT";
    case Op::kMaskedEqual:
      return "SCMP_CMP_MASKED_EQ";
    case Op::kEqual:
      break;
  }
  return "SCMP_CMP_EQ";
}

ordered_json Seccomp(const SeccompProfile& profile) {
  ordered_json out;
  AddAction(out, "defaultAction", "defaultErrnoRet", profile.default_action);
  out["architectures"] = {NativeArch().oci};
  if (profile.compat && CompatArch() != nullptr) out["architectures"].push_back(CompatArch()->oci);
  for (const SeccompRule& rule : profile.rules) {
    ordered_json one = {{"names", rule.names}};
    AddAction(one, "action", "errnoRet", rule.action);
    for (const SeccompArg& arg : rule.args) {
      ordered_json condition = {{"index", arg.index}, {"value", arg.value}};
      if (arg.op == SeccompArg::Op::kMaskedEqual) condition["valueTwo"] = arg.masked_value;
      condition["op"] = ComparisonName(arg.op);
      one["args"].push_back(std::move(condition));
    }
    out["syscalls"].push_back(std::move(one));
  }
  return out;
}

ordered_json Linux(const LaunchPlan& plan, const ContainerFacts& facts, const std::string& cgroup,
                   const PodFacts& pod) {
  ordered_json out;
  AddIf(out, "resources", Resources(facts.limits));
  out["cgroupsPath"] = cgroup;
  out["namespaces"] = Namespaces(plan, pod);
  if (plan.users) {
    out["uidMappings"] = Mappings(plan.users->uids);
    out["gidMappings"] = Mappings(plan.users->gids);
  }
  AddIf(out, "devices", Devices(plan.devices));
  if (facts.seccomp) out["seccomp"] = Seccomp(*facts.seccomp);
  if (plan.root_propagation != Propagation::kPrivate) out["rootfsPropagation"] = PropagationName(plan.root_propagation);
  AddIf(out, "maskedPaths", plan.masked_paths);
  AddIf(out, "readonlyPaths", plan.readonly_paths);
  if (!plan.mount_label.empty()) out["mountLabel"] = plan.mount_label;
  return out;
}

}  // namespace

std::string FormatRuntimeSpec(const ContainerRecord& record, const LaunchPlan& plan, const ContainerFacts& facts,
                              const PodFacts& pod) {
  const ContainerSpec& spec = record.spec;
  ordered_json annotations = Annotations("container", pod);
  annotations["io.kubernetes.cri.container-name"] = spec.name;
  annotations["io.kubernetes.cri.image-name"] = spec.user_specified_image.empty() ? spec.image : spec.user_specified_image;
  ordered_json root = {{"path", "rootfs"}};
  if (plan.readonly_rootfs) root["readonly"] = true;
  return Text({{"ociVersion", kVersion},
               {"process", Process(plan.process, facts.user)},
               {"root", root},
               {"hostname", pod.hostname},
               {"mounts", Mounts(plan.mounts)},
               {"annotations", annotations},
               {"linux", Linux(plan, facts, record.cgroup, pod)}});
}

std::string FormatPodRuntimeSpec(const PodFacts& pod) {
  constexpr struct {
    uint64_t flag;
    const char* type;
  } kKinds[] = {{CLONE_NEWPID, "pid"}, {CLONE_NEWIPC, "ipc"}, {CLONE_NEWUTS, "uts"}, {CLONE_NEWNET, "network"}};
  ordered_json annotations = Annotations("sandbox", pod);
  annotations["io.kubernetes.cri.sandbox-log-directory"] = pod.log_directory;
  ordered_json namespaces = {{{"type", "mount"}}, {{"type", "cgroup"}}};
  for (const auto& [flag, type] : kKinds)
    if (pod.new_namespaces & flag) namespaces.push_back({{"type", type}});
  ordered_json linux_part = {{"cgroupsPath", pod.cgroup}, {"namespaces", namespaces}};
  AddIf(linux_part, "sysctl", pod.sysctls);
  return Text({{"ociVersion", kVersion},
               {"process", {{"user", {{"uid", 0}, {"gid", 0}}}, {"args", {"/pause"}}, {"cwd", "/"}}},
               {"root", {{"path", "rootfs"}, {"readonly", true}}},
               {"hostname", pod.hostname},
               {"annotations", annotations},
               {"linux", linux_part}});
}

}  // namespace cradle::container
