// The pod's user namespace: pause is born in it, a container's process enters it half way through
// its steps, an exec joins it with the container's other namespaces.
//
//   as the host's root            in the user namespace, as its root
//   sources, layers, /dev   -->   everything else
//                         clone
//
// The clone is what makes the container's pid namespace the pod's own: a namespace belongs to the user
// namespace of its maker, and a process never gets into a pid namespace but by being born there. The
// new process is the shim's child as the old one was (CLONE_PARENT).
#include <sched.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "container/init/kernel.h"
#include "container/init/steps.h"

namespace cradle::init {
namespace {

// Only who may act for both its owners can give a pipe to the container's user later on: the host's
// root gives it to the container's.
int Offer(int fd, const UserNamespace& users) noexcept {
  struct stat info;
  if (fd < 0 || fstat(fd, &info) < 0) return 0;
  if (!S_ISFIFO(info.st_mode) && !S_ISSOCK(info.st_mode)) return 0;
  return fchown(fd, users.uid, users.gid);
}

// The shim hears of the new process before that goes on, and so before it says anything itself.
[[noreturn]] void HandOver(const Plan& plan, int pid, int pidfd) noexcept {
  PacketHead head{Packet::kBorn};
  head.pid = pid;
  iovec part{&head, sizeof head};
  _exit(Send(plan.report, &part, 1, pidfd) < 0 ? 127 : 0);
}

}  // namespace

Outcome BecomeRoot() noexcept {
  if (syscall(SYS_setgroups, 0, nullptr) < 0) return Fail(Step::kPrivileges, "setgroups");
  if (syscall(SYS_setresgid, 0, 0, 0) < 0) return Fail(Step::kPrivileges, "setresgid");
  if (syscall(SYS_setresuid, 0, 0, 0) < 0) return Fail(Step::kPrivileges, "setresuid");
  return {};
}

Outcome OfferStdio(const Plan& plan) noexcept {
  for (int fd : plan.stdio)
    if (Offer(fd, *plan.users) < 0) return Fail(Step::kStdio);
  return {};
}

Outcome AwaitIds(const Plan& plan, State&) noexcept {
  if (!plan.users) return {};
  if (!Await(plan.gate)) _exit(127);
  return BecomeRoot();
}

Outcome EnterUserNamespace(const Plan& plan, State&) noexcept {
  if (!plan.users) return {};
  INIT_TRY(OfferStdio(plan));
  int told[2];
  if (pipe2(told, O_CLOEXEC) < 0) return Fail(Step::kSetup, "pipe");
  Fd hear(told[0]);
  if (setns(plan.users->fd, CLONE_NEWUSER) < 0) return Fail(Step::kNamespaces, "setns user");
  if (plan.users->pid_namespace_of >= 0 && setns(plan.users->pid_namespace_of, CLONE_NEWPID) < 0)
    return Fail(Step::kNamespaces, "setns pid");
  // The mount namespace is a copy of the host's, as MakeKernelViews needs it.
  int pidfd;
  int pid = Clone(CLONE_PARENT | CLONE_NEWNS | plan.users->born, -1, &pidfd);
  if (pid < 0) return Fail(Step::kNamespaces, "clone");
  if (pid > 0) HandOver(plan, pid, pidfd);
  close(told[1]);
  Await(hear.get());
  return BecomeRoot();
}

}  // namespace cradle::init
