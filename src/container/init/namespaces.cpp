// Entering namespaces and what is set inside fresh ones.
#include <sched.h>
#include <sys/stat.h>

#include <cstring>

#include "container/init/kernel.h"
#include "container/init/steps.h"

namespace cradle::init {

// Pause's mount namespace holds one mount, the pod's /dev/shm: a copy of it is the cheapest empty
// mount namespace there is, and nothing of the host's is in it at any time.
Outcome EnterPod(const Plan& plan, State& state) noexcept {
  if (setns(plan.namespaces_of, CLONE_NEWNS | plan.join_namespaces) < 0)
    return Fail(Step::kNamespaces, "setns");
  if (unshare(CLONE_NEWNS | CLONE_NEWCGROUP) < 0) return Fail(Step::kNamespaces, "unshare");
  for (const Mount& mount : plan.mounts) {
    if (mount.kind != MountKind::kPodShm || state.shm >= 0) continue;
    state.shm = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (state.shm < 0) return Fail(Step::kShm);
  }
  return {};
}

Outcome EnterContainer(const Plan& plan, State& state) noexcept {
  if (plan.users) INIT_TRY(OfferStdio(plan));
  if (setns(plan.namespaces_of, plan.join_namespaces) < 0) return Fail(Step::kNamespaces, "setns");
  if (plan.users) INIT_TRY(BecomeRoot());
  state.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (state.root < 0) return Fail(Step::kNamespaces, "open /");
  return {};
}

// A new pid namespace is that of pause's children, not its own.
Outcome NameHost(const Plan& plan, State&) noexcept {
  if (unshare(CLONE_NEWCGROUP | (plan.pid_namespace ? CLONE_NEWPID : 0)) < 0)
    return Fail(Step::kNamespaces, "unshare");
  if (plan.hostname && sethostname(plan.hostname, strlen(plan.hostname)) < 0)
    return Fail(Step::kHostname, plan.hostname);
  return {};
}

// The host's procfs shows a writer the values of the writer's own network and ipc namespaces.
Outcome WriteSysctls(const Plan& plan, State&) noexcept {
  if (plan.sysctls.empty()) return {};
  Fd dir(open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!dir.valid()) return Fail(Step::kSetup, "open /proc/sys");
  for (const Option& sysctl : plan.sysctls) {
    Fd file(OpenAt2(dir.get(), sysctl.key, O_WRONLY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS));
    if (!file.valid() || write(file.get(), sysctl.value, strlen(sysctl.value)) < 0)
      return Fail(Step::kSysctl, sysctl.key, sysctl.value);
  }
  return {};
}

}  // namespace cradle::init
