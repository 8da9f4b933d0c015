// The steps of a child, each in the file of the kernel feature it uses, and the state that they
// hand on. Order matters: run.cpp says which and why.
#pragma once

#include <sys/uio.h>

#include <cerrno>

#include "container/init/plan.h"

namespace cradle::init {

struct [[nodiscard]] Outcome {
  Step step = Step::kNone;
  int err = 0;
  const char* what = "";
  const char* at = "";
  bool ok() const { return step == Step::kNone; }
};
inline Outcome FailWith(int err, Step step, const char* what = "", const char* at = "") {
  return {step, err, what, at};
}
inline Outcome Fail(Step step, const char* what = "", const char* at = "") {
  return {step, errno, what, at};
}
#define INIT_TRY(...)                                                    \
  do {                                                                   \
    if (::cradle::init::Outcome o_ = (__VA_ARGS__); !o_.ok()) return o_; \
  } while (0)

// What one step leaves for a later one. On the child's stack.
struct State {
  int root = -1;    // the container's "/"
  int shm = -1;     // a clone of the pod's /dev/shm, detached
  int devpts = -1;  // its mount
  int master = -1;  // the terminal's, sent with kReady
  int slave = -1;
  bool in_cwd = false;
  bool views_attached = false;
  uint32_t uid = 0, gid = 0;
  uint32_t group_count = 0;
  uint32_t groups[kMaxGroups];
  char home[512];  // "HOME=..."
};

using StepFunction = Outcome (*)(const Plan&, State&) noexcept;

// process.cpp
Outcome CloseForeign(const Plan&, State&) noexcept;  // every descriptor but plan.keep and 0-2
Outcome ResetProcess(const Plan&, State&) noexcept;  // signals, session, umask 0
Outcome SetOomScore(const Plan&, State&) noexcept;   // the host's /proc must be there
Outcome ConnectStdio(const Plan&, State&) noexcept;
Outcome SetRlimits(const Plan&, State&) noexcept;
// confine.cpp
Outcome Confine(const Plan&, State&) noexcept;  // the host's /proc must be there
// cgroups.cpp
Outcome JoinCgroups(const Plan&, State&) noexcept;
Outcome MountCgroups(const Plan&, State&, const Mount&) noexcept;
// user_namespace.cpp: nothing in a pod without one
Outcome AwaitIds(const Plan&, State&) noexcept;         // pause
Outcome EnterUserNamespace(const Plan&, State&) noexcept;  // container: goes on in a child
Outcome OfferStdio(const Plan&) noexcept;
Outcome BecomeRoot() noexcept;
// namespaces.cpp
Outcome EnterPod(const Plan&,
                 State&) noexcept;  // pause's namespaces, then a mount namespace of our own
Outcome EnterContainer(const Plan&,
                       State&) noexcept;  // exec: those of the container's first process
Outcome NameHost(const Plan&, State&) noexcept;
Outcome WriteSysctls(const Plan&, State&) noexcept;
// overlay.cpp
Outcome OpenImages(const Plan&, State&) noexcept;   // mounts of other images
Outcome OpenOverlay(const Plan&, State&) noexcept;  // state.root, detached
// rootfs.cpp
Outcome MakeShmRoot(const Plan&, State&) noexcept;  // pause: the root is the pod's /dev/shm
Outcome EnterRoot(const Plan&, State&) noexcept;
Outcome SealRoot(const Plan&, State&) noexcept;
// mounts.cpp
Outcome OpenBindSources(const Plan&, State&) noexcept;
Outcome MakeForeignMounts(const Plan&, State&) noexcept;  // what only the host's root can make
Outcome MakeKernelViews(const Plan&, State&) noexcept;    // proc and sysfs, while the host's are in sight
Outcome MakeMounts(const Plan&, State&) noexcept;
Outcome MaskPaths(const Plan&, State&) noexcept;
Outcome MakeDirectories(const Plan&, State&) noexcept;  // cwd and the image's volumes
// views.cpp
Outcome PlaceViews(const Plan&, State&) noexcept;
// devices.cpp
Outcome MakeDevices(const Plan&, State&) noexcept;
Outcome FillDev(const Plan&, int dev) noexcept;  // default devices and those of the plan, for a user namespace
Outcome MakeTerminal(const Plan&, State&) noexcept;
// users.cpp
Outcome LookUpUser(const Plan&, State&) noexcept;
// privileges.cpp
Outcome DropPrivileges(const Plan&, State&) noexcept;
Outcome DropEverything(const Plan&, State&) noexcept;  // pause
Outcome LoadFilter(const Plan&) noexcept;
// run.cpp
int Send(int socket, const iovec* parts, size_t count, int fd) noexcept;
int Clone(uint64_t flags, int cgroup, int* pidfd) noexcept;
// exec.cpp
Outcome EnterDirectory(const Plan&, State&) noexcept;  // as root; may fail
Outcome CheckDirectory(const Plan&, State&) noexcept;  // as the user; may not
Outcome Execute(const Plan&, State&) noexcept;
Outcome StartFirst(const Plan&, State&) noexcept;  // pause: the new pid namespace's PID 1 goes on as its parent does
Outcome ExecutePause(const Plan&, State&) noexcept;

}  // namespace cradle::init
