#include "shim/launch_plan.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "base/sys/file.h"
#include "lxcfs/files.h"

namespace cradle::shim {
namespace {

using container::MountPlan;

init::MountKind KindOf(MountPlan::Kind kind) {
  switch (kind) {
    case MountPlan::Kind::kBind:
      return init::MountKind::kBind;
    case MountPlan::Kind::kProc:
      return init::MountKind::kProc;
    case MountPlan::Kind::kSysfs:
      return init::MountKind::kSysfs;
    case MountPlan::Kind::kTmpfs:
      return init::MountKind::kTmpfs;
    case MountPlan::Kind::kDevpts:
      return init::MountKind::kDevpts;
    case MountPlan::Kind::kMqueue:
      return init::MountKind::kMqueue;
    case MountPlan::Kind::kPodShm:
      return init::MountKind::kPodShm;
    case MountPlan::Kind::kCgroup:
      return init::MountKind::kCgroup;
    case MountPlan::Kind::kImage:
      return init::MountKind::kImage;
  }
  return init::MountKind::kBind;
}

init::Propagation PropagationOf(container::Propagation propagation) {
  switch (propagation) {
    case container::Propagation::kPrivate:
      return init::Propagation::kPrivate;
    case container::Propagation::kSlave:
      return init::Propagation::kSlave;
    case container::Propagation::kShared:
      return init::Propagation::kShared;
  }
  return init::Propagation::kPrivate;
}

uint64_t AttributesOf(const MountPlan& mount) {
  return (mount.readonly ? MOUNT_ATTR_RDONLY : 0u) | (mount.nosuid ? MOUNT_ATTR_NOSUID : 0u) |
         (mount.nodev ? MOUNT_ATTR_NODEV : 0u) | (mount.noexec ? MOUNT_ATTR_NOEXEC : 0u);
}

// "net.ipv4.ip_forward" or "net/ipv4/ip_forward": the first separator says which (sysctl(8)); in
// the first form a '/' stands for a dot of a name.
std::string SysctlPath(std::string name) {
  size_t first = name.find_first_of("./");
  if (first == std::string::npos || name[first] == '/') return name;
  for (char& c : name) c = c == '.' ? '/' : c == '/' ? '.' : c;
  return name;
}

const char* OrNull(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

char* Mutable(const std::string& text) { return const_cast<char*>(text.c_str()); }

}  // namespace

InitPlan::InitPlan(const container::PausePlan& plan) {
  plan_.role = init::Role::kPause;
  plan_.oom_score_adj = plan.oom_score_adj.value_or(0);
  plan_.pid_namespace = plan.new_namespaces & CLONE_NEWPID;
  if ((plan.new_namespaces & CLONE_NEWUTS) && !plan.hostname.empty())
    plan_.hostname = plan.hostname.c_str();
  SetUsers(plan.users);
  plan_.shm_size = Keep(std::to_string(plan.shm_bytes));
  std::vector<init::Option>& sysctls = options_.emplace_back();
  for (const auto& [name, value] : plan.sysctls)
    sysctls.push_back({Keep(SysctlPath(name)), value.c_str()});
  plan_.sysctls = sysctls;
  plan_.selinux = OrNull(plan.selinux_label);
  plan_.mount_label = OrNull(plan.mount_label);
  // Those of its user are counted on the whole node, and there are as many as pods.
  rlimits_.push_back({RLIMIT_NPROC, RLIM_INFINITY, RLIM_INFINITY});
  plan_.rlimits = rlimits_;
  static char name[] = "cradle-pause";
  args_ = {name, nullptr};
  env_ = {nullptr};
  plan_.args = args_.data();
  plan_.env = env_.data();
}

InitPlan::InitPlan(const container::LaunchPlan& plan) {
  plan_.role = init::Role::kContainer;
  plan_.join_namespaces = static_cast<int>(plan.join_namespaces);
  SetUsers(plan.users);
  plan_.lower_dirs = Pointers(plan.lower_dirs);
  plan_.upper_dir = plan.upper_dir.c_str();
  plan_.work_dir = plan.work_dir.c_str();
  plan_.overlay_volatile = plan.overlay_volatile;
  plan_.readonly_root = plan.readonly_rootfs;
  plan_.root_propagation = PropagationOf(plan.root_propagation);
  for (const MountPlan& mount : plan.mounts) AddMount(mount);
  plan_.mounts = mounts_;
  for (const container::DevicePlan& device : plan.devices) AddDevice(device);
  plan_.devices = devices_;
  plan_.masked_paths = Pointers(plan.masked_paths);
  plan_.readonly_paths = Pointers(plan.readonly_paths);
  std::vector<const char*>& directories = pointers_.emplace_back();
  for (const std::string& path : plan.volume_dirs) directories.push_back(path.c_str());
  directories.push_back(plan.process.cwd.c_str());
  plan_.directories = directories;
  plan_.mount_label = OrNull(plan.mount_label);
  SetProcess(plan.process);
}

InitPlan::InitPlan(const container::ExecPlan& plan) {
  plan_.role = init::Role::kExec;
  plan_.join_namespaces =
      CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP;
  SetUsers(plan.users);
  if (plan.users) plan_.join_namespaces |= CLONE_NEWUSER;
  SetProcess(plan.process);
}

const char* InitPlan::Keep(std::string text) {
  return texts_.emplace_back(std::move(text)).c_str();
}

std::span<const char* const> InitPlan::Pointers(const std::vector<std::string>& strings) {
  std::vector<const char*>& out = pointers_.emplace_back();
  for (const std::string& text : strings) out.push_back(text.c_str());
  return out;
}

std::span<const init::Option> InitPlan::Options(const std::string& comma_separated) {
  std::vector<init::Option>& out = options_.emplace_back();
  for (size_t at = 0; at < comma_separated.size();) {
    size_t end = std::min(comma_separated.find(',', at), comma_separated.size());
    std::string option = comma_separated.substr(at, end - at);
    at = end + 1;
    if (option.empty()) continue;
    size_t equals = option.find('=');
    const char* value = equals == std::string::npos ? nullptr : Keep(option.substr(equals + 1));
    out.push_back({Keep(option.substr(0, equals)), value});
  }
  return out;
}

void InitPlan::SetUsers(const std::optional<container::UserNamespace>& users) {
  if (!users) return;
  users_.uid = users->uids.host;
  users_.gid = users->gids.host;
  users_.uid_count = users->uids.length;
  users_.gid_count = users->gids.length;
  plan_.users = &users_;
}

void InitPlan::SetUserNamespace(FdRef user_namespace, uint64_t born, FdRef pid_namespace_of) {
  users_.fd = user_namespace.get();
  users_.born = born;
  users_.pid_namespace_of = pid_namespace_of.get();
}

void InitPlan::SetProcess(const container::ProcessPlan& process) {
  plan_.oom_score_adj = process.oom_score_adj.value_or(0);
  plan_.terminal = process.terminal;
  for (const std::string& arg : process.args) args_.push_back(Mutable(arg));
  args_.push_back(nullptr);
  plan_.args = args_.data();
  SetEnvironment(process.env);
  plan_.cwd = process.cwd.c_str();
  init::User& user = plan_.user;
  user.user = process.user.user.c_str();
  user.group = process.user.group.c_str();
  user.supplemental = process.user.supplemental_groups;
  user.strict = process.user.strict_groups;
  if (process.resolved) {
    user.resolved = true;
    user.uid = process.resolved->uid;
    user.gid = process.resolved->gid;
    user.groups = process.resolved->groups;
  }
  plan_.capabilities = {process.caps_bounding, process.caps_permitted, process.caps_effective,
                        process.caps_inheritable, process.caps_ambient};
  plan_.no_new_privs = process.no_new_privs;
  plan_.filter = process.seccomp_bpf.data();
  plan_.filter_length = static_cast<uint16_t>(process.seccomp_bpf.size() / 8);
  for (const container::Rlimit& limit : process.rlimits)
    rlimits_.push_back({limit.resource, limit.soft, limit.hard});
  plan_.rlimits = rlimits_;
  if (!process.apparmor_profile.empty()) plan_.apparmor = Keep(Cat("exec ", process.apparmor_profile));
  plan_.selinux = OrNull(process.selinux_label);
}

void InitPlan::SetEnvironment(const std::vector<std::string>& env) {
  bool home = false;
  for (const std::string& variable : env) {
    if (variable.starts_with("HOME=")) home = true;
    if (variable.starts_with("PATH=")) plan_.search_path = variable.c_str() + 5;
    env_.push_back(Mutable(variable));
  }
  if (!home) plan_.home_slot = static_cast<int>(env_.size());
  if (!home) env_.push_back(nullptr);
  env_.push_back(nullptr);
  plan_.env = env_.data();
}

void InitPlan::AddMount(const MountPlan& mount) {
  init::Mount out{};
  out.kind = KindOf(mount.kind);
  bool image = mount.kind == MountPlan::Kind::kImage;
  out.source = image ? mount.image_path.c_str() : mount.host_source.c_str();
  out.layers = Pointers(mount.layers);
  out.target = mount.target.c_str();
  out.attributes = AttributesOf(mount);
  out.recursive_readonly = mount.recursive_readonly;
  out.mapped = mount.mapped;
  out.propagation = PropagationOf(mount.propagation);
  out.options = Options(mount.options);
  out.tree = -1;
  mounts_.push_back(out);
  if (mount.kind == MountPlan::Kind::kTmpfs && mount.target == "/dev") plan_.make_devices = true;
}

void InitPlan::AddDevice(const container::DevicePlan& device) {
  uint32_t type = device.block ? S_IFBLK : S_IFCHR;
  devices_.push_back({device.path.c_str(), type | device.mode, makedev(device.major, device.minor),
                      device.uid, device.gid});
}

Result<> InitPlan::OpenCgroups(const std::vector<std::string>& dirs, const std::string& name) {
  for (const std::string& dir : dirs) {
    UniqueFd file = TRY(sys::OpenAt(kCwd, Cat(dir, "/", name), O_WRONLY).With("join cgroup"));
    cgroup_files_.push_back(file.get());
    cgroup_fds_.push_back(std::move(file));
  }
  plan_.cgroup_files = cgroup_files_;
  return {};
}

void InitPlan::Describe(const std::vector<CgroupHierarchy>& hierarchies) {
  for (const CgroupHierarchy& hierarchy : hierarchies) {
    init::CgroupMount mount{};
    mount.name = hierarchy.name.c_str();
    mount.v2 = hierarchy.v2;
    mount.whole = hierarchy.whole;
    mount.options = Options(hierarchy.options);
    mount.links = Pointers(hierarchy.links);
    cgroups_.push_back(mount);
  }
  plan_.cgroups = cgroups_;
}

void InitPlan::ShowViews(FdRef mount) {
  for (const lxcfs::FileName& file : lxcfs::kFiles) views_.push_back({file.name, file.mount, file.path});
  plan_.views = mount.get();
  plan_.view_files = views_;
}

void InitPlan::Finish() {
  keep_ = cgroup_files_;
  for (int fd : {plan_.report, plan_.gate, plan_.stdio[0], plan_.stdio[1], plan_.stdio[2],
                 plan_.namespaces_of, plan_.program, users_.fd, users_.pid_namespace_of, plan_.views})
    if (fd > 2) keep_.push_back(fd);
  std::sort(keep_.begin(), keep_.end());
  keep_.erase(std::unique(keep_.begin(), keep_.end()), keep_.end());
  plan_.keep = keep_;
}

}  // namespace cradle::shim
