// Becoming the root: pause's (the pod's /dev/shm) and the container's (overlay.cpp).
#include <sched.h>
#include <sys/stat.h>

#include <cstring>

#include "container/init/kernel.h"
#include "container/init/steps.h"

namespace cradle::init {
namespace {

// Makes the detached mount `root` the root of this mount namespace, in which nothing else is left
// then.
Outcome Pivot(int root) noexcept {
  if (move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
    return Fail(Step::kRoot, "move_mount");
  if (fchdir(root) < 0) return Fail(Step::kRoot, "fchdir");
  // The old root lands on the new one; what is at "." then is the old one (pivot_root(2), NOTES).
  if (syscall(SYS_pivot_root, ".", ".") < 0) return Fail(Step::kRoot, "pivot_root");
  if (umount2(".", MNT_DETACH) < 0) return Fail(Step::kRoot, "umount of the old root");
  if (chdir("/") < 0) return Fail(Step::kRoot, "chdir");
  return {};
}

}  // namespace

Outcome MakeShmRoot(const Plan& plan, State&) noexcept {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0)
    return Fail(Step::kRoot, "make private");
  const Option options[] = {{"mode", "1777"}, {"size", plan.shm_size}};
  Fd root(MakeFilesystem("tmpfs", options,
                         MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                         plan.mount_label));
  if (!root.valid()) return Fail(Step::kShm);
  return Pivot(root.get());
}

Outcome EnterRoot(const Plan&, State& state) noexcept { return Pivot(state.root); }

// Last of the mounts: nothing is made in the root after it.
Outcome SealRoot(const Plan& plan, State& state) noexcept {
  if (plan.readonly_root && SetMountAttributes(state.root, MOUNT_ATTR_RDONLY, false) < 0)
    return Fail(Step::kRoot, "make read-only");
  // A root that is nobody's peer can't be a slave; shared, the container's own mount namespaces
  // follow it.
  if (plan.root_propagation == Propagation::kShared &&
      SetMountAttributes(state.root, 0, false, MS_SHARED) < 0)
    return Fail(Step::kRoot, "make shared");
  return {};
}

}  // namespace cradle::init
