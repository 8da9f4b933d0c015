#include "shim/launch.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>

#include "base/sys/file.h"
#include "base/sys/mount.h"
#include "base/sys/process.h"
#include "base/sys/socket.h"
#include "container/init/plan.h"
#include "shim/launch_plan.h"

namespace cradle::shim {
namespace {

// Where the child goes at once, in the v2 tree.
Result<UniqueFd> OpenV2(const std::string& dir) {
  if (dir.empty()) return UniqueFd();
  return sys::OpenAt(kCwd, dir, O_PATH | O_DIRECTORY).With("join cgroup");
}

// The pid namespace that children of this thread are born into. Ours again when it goes out of
// scope.
class PidNamespaceVisit {
 public:
  // `target`: it, or a process in it; invalid: stay.
  static Result<PidNamespaceVisit> Enter(FdRef target) {
    PidNamespaceVisit visit;
    if (!target.valid()) return visit;
    if (!Own().valid()) Own() = TRY(sys::OpenAt(kCwd, "/proc/self/ns/pid", O_RDONLY));
    if (auto entered = sys::Setns(target, CLONE_NEWPID); !entered.ok()) {
      if (entered.error().err() == ESRCH)
        return FailedPrecondition("the process whose pid namespace is joined is gone");
      return std::move(entered.error()).With("join pid namespace");
    }
    visit.away_ = true;
    return visit;
  }
  PidNamespaceVisit(PidNamespaceVisit&& other) noexcept
      : away_(std::exchange(other.away_, false)) {}
  PidNamespaceVisit& operator=(PidNamespaceVisit&&) = delete;
  ~PidNamespaceVisit() {
    // Going back to one's own can't fail; staying would put every later child into a strange
    // namespace.
    if (away_ && !sys::Setns(Own(), CLONE_NEWPID).ok()) std::abort();
  }

 private:
  PidNamespaceVisit() = default;
  static UniqueFd& Own() {
    static UniqueFd own;
    return own;
  }
  bool away_ = false;
};

// The channels between shim and child, both ends. A container has a gate, and a pause that gets its ids from us.
struct Channels {
  sys::SocketPair report;
  sys::Pipe gate;
};
Result<Channels> MakeChannels(init::Plan& plan) {
  Channels channels;
  channels.report = TRY(sys::MakeSocketPair(SOCK_SEQPACKET));
  TRYV(sys::SetNonblocking(channels.report.first, true));
  plan.report = channels.report.second.get();
  if (plan.role == init::Role::kExec || (plan.role == init::Role::kPause && !plan.users)) return channels;
  channels.gate = TRY(sys::MakePipe());
  plan.gate = channels.gate.read.get();
  return channels;
}

bool MayJoinByWriting(int err) { return err == EBUSY || err == EOPNOTSUPP || err == ENOSYS; }

struct Spawned {
  int pid = -1;
  UniqueFd pidfd;
};
Result<Spawned> SpawnOnce(const init::Plan& plan, uint64_t flags, FdRef cgroup) {
  int pidfd = -1;
  int pid = init::Spawn(plan, flags, cgroup.get(), &pidfd);
  if (pid < 0) return Error::FromErrno(errno, "clone3");
  return Spawned{pid, UniqueFd(pidfd)};
}

// The kernel puts the child into its v2 group; where that is refused the child moves itself.
Result<Spawned> SpawnInto(InitPlan& init, uint64_t flags, const std::string& v2_dir) {
  UniqueFd cgroup = TRY(OpenV2(v2_dir));
  init.Finish();
  Result<Spawned> spawned = SpawnOnce(init.plan(), flags, cgroup);
  if (spawned.ok() || !cgroup.valid() || !MayJoinByWriting(spawned.error().err())) return spawned;
  TRYV(init.OpenCgroups({v2_dir}, "cgroup.procs"));
  init.Finish();
  return SpawnOnce(init.plan(), flags, FdRef());
}

Result<Launched> Launch(InitPlan& init, uint64_t flags, const std::string& v2_dir,
                        FdRef pid_namespace) {
  Channels channels = TRY(MakeChannels(init.plan()));
  Spawned spawned;
  {
    PidNamespaceVisit visit = TRY(PidNamespaceVisit::Enter(pid_namespace));
    spawned = TRY(SpawnInto(init, flags, v2_dir));
  }
  Launched launched;
  launched.pid = spawned.pid;
  launched.pidfd = std::move(spawned.pidfd);
  launched.report = std::move(channels.report.first);
  launched.gate = std::move(channels.gate.write);
  return launched;
}

// The child dups its streams onto 0, 1 and 2: none of them may be one of those.
void Connect(const Stdio& stdio, init::Plan& plan) {
  plan.stdio[0] = stdio.in.get();
  plan.stdio[1] = stdio.out.get();
  plan.stdio[2] = stdio.err.get();
}
Result<> CheckStdio(const Stdio& stdio) {
  for (const UniqueFd* fd : {&stdio.in, &stdio.out, &stdio.err})
    if (fd->valid() && fd->get() < 3) return Internal("a child's stream is one of the shim's own");
  return {};
}

bool WantsCgroupMounts(const container::LaunchPlan& plan) {
  for (const container::MountPlan& mount : plan.mounts)
    if (mount.kind == container::MountPlan::Kind::kCgroup) return true;
  return false;
}

// A namespace's ids are written once, by who made it.
Result<> WriteIds(pid_t pid, const std::string& file, const container::IdRange& range) {
  return sys::WriteControl(kCwd, Cat("/proc/", std::to_string(pid), "/", file),
                           Cat("0 ", std::to_string(range.host), " ", std::to_string(range.length), "\n"));
}

// The new user namespace of a process that waits at its gate.
Result<UniqueFd> GiveIds(const container::UserNamespace& users, pid_t pid) {
  TRYV(WriteIds(pid, "uid_map", users.uids));
  TRYV(WriteIds(pid, "gid_map", users.gids));
  return sys::OpenAt(kCwd, Cat("/proc/", std::to_string(pid), "/ns/user"), O_RDONLY);
}

// Pause itself is not in it.
Result<UniqueFd> PodsPidNamespace(const Infra& pause) {
  auto opened = sys::OpenAt(kCwd, Cat("/proc/", std::to_string(pause.pid), "/ns/pid_for_children"), O_RDONLY);
  // Its number may be another's then.
  if (sys::PidfdExited(pause.pidfd)) return FailedPrecondition("the pod's pause is gone");
  return opened;
}

// The pid namespace that the container shares, or a process in it; invalid when it gets its own or the host's.
Result<UniqueFd> SharedPidNamespace(const container::LaunchPlan& plan, const Infra& pause, FdRef target) {
  switch (plan.pid_mode) {
    case container::PidMode::kContainer:
    case container::PidMode::kNode:
      return UniqueFd();
    case container::PidMode::kPod:
      return PodsPidNamespace(pause);
    case container::PidMode::kTarget:
      break;
  }
  if (!target.valid())
    return FailedPrecondition("the container whose processes are to be seen doesn't run");
  return sys::Dup(target);
}

// The same program, of a mount that is nowhere: who may trace the process can open its program, and not to write.
Result<UniqueFd> ReadOnly(FdRef program) {
  UniqueFd mount = TRY(sys::OpenTree(program, "", AT_EMPTY_PATH | OPEN_TREE_CLONE));
  TRYV(sys::MakeReadOnly(mount));
  return mount;
}

}  // namespace

Result<Launched> LaunchPause(const container::PausePlan& plan, FdRef pause_program, FdRef in, FdRef out) {
  InitPlan init(plan);
  bool seen = plan.new_namespaces & CLONE_NEWPID;
  UniqueFd read_only = seen ? TRY(ReadOnly(pause_program).With("cradle-pause")) : UniqueFd();
  init.plan().program = seen ? read_only.get() : pause_program.get();
  UniqueFd null = TRY(sys::OpenAt(kCwd, "/dev/null", O_RDWR));
  for (int& stream : init.plan().stdio) stream = null.get();
  if (in.valid()) init.plan().stdio[0] = in.get();
  if (out.valid()) init.plan().stdio[1] = out.get();
  TRYV(init.OpenCgroups(plan.cgroup_join, "tasks"));
  uint64_t flags = (plan.new_namespaces & ~uint64_t{CLONE_NEWPID}) | CLONE_NEWNS | (plan.users ? CLONE_NEWUSER : 0);
  Launched pause = TRY(Launch(init, flags, plan.cgroup_v2, FdRef()));
  if (!plan.users) return pause;
  pause.user_namespace = TRY(GiveIds(*plan.users, pause.pid).With("user namespace"));
  TRY(sys::Write(pause.gate, "g", 1));
  pause.gate.Reset();
  return pause;
}

Result<UniqueFd> MakeUserNamespace(const container::UserNamespace& users) {
  container::PausePlan plan;
  plan.users = users;
  InitPlan init(plan);
  Launched waiting = TRY(Launch(init, CLONE_NEWUSER, "", FdRef()));
  UniqueFd made = TRY(GiveIds(users, waiting.pid));
  waiting.gate.Reset();  // and so it ends
  TRY(sys::WaitPidfd(waiting.pidfd, After(seconds(5))));
  return made;
}

Result<Launched> LaunchContainer(const container::LaunchPlan& plan, const Infra& pause, FdRef target,
                                 Stdio stdio, FdRef views) {
  TRYV(CheckStdio(stdio));
  if (plan.users && !pause.user_namespace.valid())
    return FailedPrecondition("the pod has no user namespace");
  InitPlan init(plan);
  init.plan().namespaces_of = pause.pidfd.get();
  Connect(stdio, init.plan());
  if (views.valid()) init.ShowViews(views);
  if (WantsCgroupMounts(plan)) init.Describe(*TRY(HostHierarchies()));
  UniqueFd pid_namespace = TRY(SharedPidNamespace(plan, pause, target));
  TRYV(init.OpenCgroups(plan.cgroup_join, "tasks"));
  uint64_t flags = plan.pid_mode == container::PidMode::kContainer ? CLONE_NEWPID : 0;
  if (plan.users) {  // the child sees to the pid namespace itself
    init.SetUserNamespace(pause.user_namespace, flags, pid_namespace);
    return Launch(init, 0, plan.cgroup_v2, FdRef());
  }
  return Launch(init, flags, plan.cgroup_v2, pid_namespace);
}

Result<Launched> LaunchExec(const container::ExecPlan& plan, FdRef init_process, Stdio stdio) {
  TRYV(CheckStdio(stdio));
  if (!plan.process.resolved) return InvalidArgument("an exec needs the container's user");
  InitPlan init(plan);
  init.plan().namespaces_of = init_process.get();
  Connect(stdio, init.plan());
  TRYV(init.OpenCgroups(plan.cgroup_join, "tasks"));
  return Launch(init, 0, plan.cgroup_v2, init_process);
}

}  // namespace cradle::shim
