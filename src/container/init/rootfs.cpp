// Root file systems: pause's (the pod's /dev/shm) and the container's (overlayfs).
#include <sched.h>
#include <sys/stat.h>

#include <cstring>

#include "container/init/kernel.h"
#include "container/init/numbers.h"
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

// "5:6:7": descriptors' names below /proc/self/fd. 0: it doesn't fit.
size_t JoinNumbers(int first, size_t count, char* out, size_t size) noexcept {
  size_t at = 0;
  for (size_t i = 0; i < count; ++i) {
    if (at + 12 > size) return 0;
    if (i) out[at++] = ':';
    at += FormatNumber(out + at, static_cast<unsigned>(first) + static_cast<unsigned>(i));
  }
  out[at] = 0;
  return at;
}

// The directories of one overlay, open as consecutive descriptors: lower..., upper, work.
struct Layers {
  int first;
  size_t lower_count;
  int lower(size_t i) const { return first + static_cast<int>(i); }
  int upper() const { return lower(lower_count); }
  int work() const { return lower(lower_count + 1); }
};

int SetDirectory(int fs, OverlayCall call, const char* key, int dir) noexcept {
  if (call == OverlayCall::kDescriptors) return fsconfig(fs, FSCONFIG_SET_FD, key, nullptr, dir);
  char name[12];
  name[FormatNumber(name, static_cast<unsigned>(dir))] = 0;
  return fsconfig(fs, FSCONFIG_SET_STRING, key, name, 0);
}

int AddLowers(int fs, OverlayCall call, const Layers& layers) noexcept {
  if (call == OverlayCall::kString) {
    char all[256];  // fsconfig(2) takes no longer value
    if (!JoinNumbers(layers.first, layers.lower_count, all, sizeof all)) return errno = E2BIG, -1;
    return fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir", all, 0);
  }
  for (size_t i = 0; i < layers.lower_count; ++i)
    if (SetDirectory(fs, call, "lowerdir+", layers.lower(i)) < 0) return -1;
  return 0;
}

// A detached overlay by fsopen; the working directory is /proc/self/fd, so that numbers are names.
int ByFsopen(const Plan& plan, OverlayCall call, const Layers& layers) noexcept {
  Fd fs(fsopen("overlay", FSOPEN_CLOEXEC));
  if (!fs.valid() || fsconfig(fs.get(), FSCONFIG_SET_STRING, "source", "overlay", 0) < 0 ||
      AddLowers(fs.get(), call, layers) < 0 ||
      SetDirectory(fs.get(), call, "upperdir", layers.upper()) < 0 ||
      SetDirectory(fs.get(), call, "workdir", layers.work()) < 0)
    return -1;
  if (plan.overlay_volatile) fsconfig(fs.get(), FSCONFIG_SET_FLAG, "volatile", nullptr, 0);  // 5.10
  if (plan.mount_label &&
      fsconfig(fs.get(), FSCONFIG_SET_STRING, "context", plan.mount_label, 0) < 0)
    return -1;
  if (fsconfig(fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) return -1;
  return fsmount(fs.get(), FSMOUNT_CLOEXEC, 0);
}

void Append(char* out, size_t& at, const char* text) noexcept {
  size_t size = strlen(text);
  memcpy(out + at, text, size + 1);
  at += size;
}

// mount(2) takes a page of options, but mounts somewhere: on the upper directory, in this copy of
// the host's mount namespace that EnterPod leaves.
int ByMount(const Plan& plan, const Layers& layers) noexcept {
  char data[4096];
  size_t at = 0;
  size_t others = 96 + (plan.mount_label ? strlen(plan.mount_label) : 0);
  if (others > sizeof data / 2) return errno = E2BIG, -1;
  Append(data, at, "lowerdir=");
  size_t numbers =
      JoinNumbers(layers.first, layers.lower_count, data + at, sizeof data - at - others);
  if (!numbers) return errno = E2BIG, -1;
  at += numbers;
  Append(data, at, ",upperdir=");
  at += FormatNumber(data + at, static_cast<unsigned>(layers.upper()));
  Append(data, at, ",workdir=");
  at += FormatNumber(data + at, static_cast<unsigned>(layers.work()));
  Append(data, at, plan.overlay_volatile ? ",volatile" : "");
  if (plan.mount_label) {  // in quotes: its categories are separated by commas
    Append(data, at, ",context=\"");
    Append(data, at, plan.mount_label);
    Append(data, at, "\"");
  }
  if (mount("overlay", plan.upper_dir, "overlay", 0, data) < 0) return -1;
  return open_tree(AT_FDCWD, plan.upper_dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

// Where a mapped layer is mounted: overlayfs takes detached mounts since 6.15 only; in a copy of the
// mount namespace it can lie on its own place.
enum class Mapped : uint8_t { kDetached, kInPlace };

// A descriptor of the directory at `path`, its files with the ids of the user namespace.
int OpenMapped(const char* path, int user_namespace, Mapped mapped) noexcept {
  Fd dir(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
  Fd tree(dir.valid() ? CloneTree(dir.get(), false) : -1);
  if (!tree.valid() || MapIds(tree.get(), user_namespace) < 0) return -1;
  if (mapped == Mapped::kDetached) return tree.Release();
  return Attach(tree.get(), dir.get()) < 0 ? -1 : open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

Outcome Number(int fd, int wanted, const char* path) noexcept {
  if (fd < 0) return Fail(Step::kOverlay, path);
  if (fd == wanted) return {};
  if (dup3(fd, wanted, O_CLOEXEC) < 0) return Fail(Step::kOverlay, path);
  close(fd);
  return {};
}

// Consecutive numbers above everything that is open.
Outcome NumberLayers(const Plan& plan, Layers& layers) noexcept {
  int highest = open("/", O_PATH | O_CLOEXEC);
  if (highest < 0) return Fail(Step::kOverlay, "/");
  close(highest);
  if (!plan.keep.empty() && plan.keep.back() > highest) highest = plan.keep.back();
  for (const Mount& mount : plan.mounts) highest = mount.tree > highest ? mount.tree : highest;
  layers = {highest + 1, plan.lower_dirs.size()};
  return {};
}

Outcome OpenLayer(const char* path, int wanted) noexcept {
  return Number(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), wanted, path);
}

// The upper directory is the container's own, and belongs to its root: only what it shares with
// others is mapped.
Outcome OpenLayers(const Plan& plan, const Layers& layers, Mapped mapped) noexcept {
  for (size_t i = 0; i < layers.lower_count; ++i) {
    const char* path = plan.lower_dirs[i];
    if (!plan.users)
      INIT_TRY(OpenLayer(path, layers.lower(i)));
    else
      INIT_TRY(Number(OpenMapped(path, plan.users->fd, mapped), layers.lower(i), path));
  }
  INIT_TRY(OpenLayer(plan.upper_dir, layers.upper()));
  return OpenLayer(plan.work_dir, layers.work());
}

// The kernel doesn't know this way (of descriptors, 6.1 says EOPNOTSUPP and 6.12 EBADF), or it carries
// fewer layers (E2BIG), or there is a real mistake, which every way finds.
bool MayBeUnknown(int err) noexcept {
  return err == EINVAL || err == EOPNOTSUPP || err == EBADF || err == E2BIG;
}

int FirstThatWorks(const Plan& plan, const Layers& layers) noexcept {
  errno = EINVAL;
  for (int call = static_cast<int>(plan.overlay_call); call < static_cast<int>(OverlayCall::kMount);
       ++call) {
    int root = ByFsopen(plan, static_cast<OverlayCall>(call), layers);
    if (root >= 0 || !MayBeUnknown(errno)) return root;
  }
  return -1;
}

// In a copy of the mount namespace, with layers opened in it: overlayfs takes none of another's.
Outcome MountInCopy(const Plan& plan, const Layers& layers, State& state) noexcept {
  if (unshare(CLONE_NEWNS) < 0) return Fail(Step::kOverlay, "unshare");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0)
    return Fail(Step::kOverlay, "make private");
  INIT_TRY(OpenLayers(plan, layers, Mapped::kInPlace));
  state.root = ByMount(plan, layers);
  return state.root < 0 ? Fail(Step::kOverlay, plan.upper_dir) : Outcome{};
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

Outcome OpenOverlay(const Plan& plan, State& state) noexcept {
  Layers layers{};
  INIT_TRY(NumberLayers(plan, layers));
  INIT_TRY(OpenLayers(plan, layers, Mapped::kDetached));
  if (chdir("/proc/self/fd") < 0) return Fail(Step::kSetup, "chdir /proc/self/fd");
  state.root = FirstThatWorks(plan, layers);
  if (state.root < 0) {
    if (!MayBeUnknown(errno)) return Fail(Step::kOverlay, plan.upper_dir);
    INIT_TRY(MountInCopy(plan, layers, state));
  }
  if (syscall(SYS_close_range, layers.first, layers.work(), 0) < 0)
    return Fail(Step::kSetup, "close_range");
  return {};
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
