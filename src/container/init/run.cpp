// The driver: clones, walks the steps of the role, reports, waits at the gate.
#include <linux/sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstring>

#include "container/init/kernel.h"
#include "container/init/steps.h"

namespace cradle::init {
namespace {

constexpr int kFailed = 127;

Outcome SayReady(const Plan&, State&) noexcept;
Outcome WaitAtGate(const Plan&, State&) noexcept;

constexpr StepFunction kPause[] = {CloseForeign, Confine,      JoinCgroups, SetOomScore,
                                   AwaitIds,     ResetProcess, NameHost,
                                   WriteSysctls,  // before the host's /proc is gone
                                   MakeShmRoot,  SayReady,     ConnectStdio, SetRlimits,
                                   DropEverything,
                                   StartFirst,  // nothing with rights is ever seen by a container
                                   ExecutePause};

constexpr StepFunction kContainer[] = {
    CloseForeign,       Confine,      JoinCgroups,  SetOomScore,
    OpenBindSources,    OpenImages,   OpenOverlay,  // while the host's paths are there
    MakeForeignMounts,                              // the last one as the host's root
    EnterUserNamespace,                             // a new process where there is one
    ResetProcess,       MakeKernelViews,
    EnterPod,           EnterRoot,  // nothing of the host's is in sight from here on
    MakeMounts,         MakeDevices,  MakeDirectories, LookUpUser,
    MakeTerminal,  // the console is a mount too
    PlaceViews,    // a masked path stays masked
    MaskPaths,          SealRoot,     SayReady,        WaitAtGate,     SetRlimits,
    EnterDirectory,     ConnectStdio, DropPrivileges,  CheckDirectory, Execute};

constexpr StepFunction kExec[] = {
    CloseForeign, Confine,  JoinCgroups, SetOomScore,    EnterContainer, ResetProcess,   LookUpUser,
    MakeTerminal, SayReady, SetRlimits,  EnterDirectory, ConnectStdio,   DropPrivileges, CheckDirectory,
    Execute};

iovec Bytes(const void* data, size_t size) noexcept { return {const_cast<void*>(data), size}; }

Outcome SayReady(const Plan& plan, State& state) noexcept {
  PacketHead head{Packet::kReady};
  head.uid = state.uid;
  head.gid = state.gid;
  head.groups = state.group_count;
  iovec parts[] = {Bytes(&head, sizeof head),
                   Bytes(state.groups, state.group_count * sizeof(uint32_t))};
  // Nobody listens any more: nobody will open the gate either.
  if (Send(plan.report, parts, 2, state.master) < 0) _exit(kFailed);
  if (state.master >= 0) close(state.master);
  return {};
}

Outcome WaitAtGate(const Plan& plan, State&) noexcept {
  if (!Await(plan.gate)) _exit(kFailed);  // the shim gave up, or is gone
  return {};
}

[[noreturn]] void Report(const Plan& plan, const Outcome& failure) noexcept {
  PacketHead head{Packet::kFailed, failure.step, failure.err};
  size_t what = strnlen(failure.what, kMaxDetail - 1), at = strnlen(failure.at, kMaxDetail - 1);
  iovec parts[] = {Bytes(&head, sizeof head), Bytes(failure.what, what), Bytes("", 1),
                   Bytes(failure.at, at)};
  Send(plan.report, parts, 4, -1);
  _exit(kFailed);
}

std::span<const StepFunction> StepsOf(Role role) noexcept {
  switch (role) {
    case Role::kPause:
      return kPause;
    case Role::kContainer:
      return kContainer;
    case Role::kExec:
      return kExec;
  }
  return {};
}

[[noreturn]] void Run(const Plan& plan) noexcept {
  State state;
  Outcome last;
  for (StepFunction step : StepsOf(plan.role)) {
    last = step(plan, state);
    if (!last.ok()) break;
  }
  Report(plan, last);  // the last step of every role returns only to fail
}

}  // namespace

// One packet, with a descriptor when fd >= 0. The socket has room: at most three packets are ever
// sent.
int Send(int socket, const iovec* parts, size_t count, int fd) noexcept {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)];
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = count;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int Clone(uint64_t flags, int cgroup, int* pidfd) noexcept {
  clone_args args{};
  args.flags = flags | CLONE_PIDFD | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0);
  args.pidfd = reinterpret_cast<uint64_t>(pidfd);
  args.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD;  // a sibling has its maker's
  args.cgroup = cgroup >= 0 ? static_cast<uint64_t>(cgroup) : 0;
  return static_cast<int>(syscall(SYS_clone3, &args, sizeof args));
}

int Spawn(const Plan& plan, uint64_t flags, int cgroup, int* pidfd) noexcept {
  int pid = Clone(flags, cgroup, pidfd);
  if (pid == 0) Run(plan);
  return pid;
}

}  // namespace cradle::init
