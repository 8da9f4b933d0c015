// Stacks of layers as one file system (overlayfs): the container's root, and images mounted as
// volumes.
#include <sched.h>
#include <sys/stat.h>

#include <cstring>

#include "container/init/kernel.h"
#include "container/init/numbers.h"
#include "container/init/paths.h"
#include "container/init/steps.h"

namespace cradle::init {
namespace {

// What is stacked, and what a failure is called.
struct Stack {
  std::span<const char* const> lower_dirs;  // topmost first
  const char* upper_dir = nullptr;          // null: read-only, of two layers at least
  const char* work_dir = nullptr;
  const char* label = nullptr;  // SELinux, of every file
  bool is_volatile = false;
  Step step = Step::kOverlay;
  const char* at = "";

  // A directory to mount on, in a copy of the mount namespace.
  const char* place() const { return upper_dir ? upper_dir : lower_dirs[0]; }
};

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

// The directories of a stack, open as consecutive descriptors: lower..., upper, work.
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

int AddUpper(int fs, OverlayCall call, const Layers& layers) noexcept {
  if (SetDirectory(fs, call, "upperdir", layers.upper()) < 0) return -1;
  return SetDirectory(fs, call, "workdir", layers.work());
}

// A detached overlay by fsopen; the working directory is /proc/self/fd, so that numbers are names.
int ByFsopen(const Stack& stack, OverlayCall call, const Layers& layers) noexcept {
  Fd fs(fsopen("overlay", FSOPEN_CLOEXEC));
  if (!fs.valid() || fsconfig(fs.get(), FSCONFIG_SET_STRING, "source", "overlay", 0) < 0 ||
      AddLowers(fs.get(), call, layers) < 0 ||
      (stack.upper_dir && AddUpper(fs.get(), call, layers) < 0))
    return -1;
  if (stack.is_volatile) fsconfig(fs.get(), FSCONFIG_SET_FLAG, "volatile", nullptr, 0);  // 5.10
  if (stack.label && fsconfig(fs.get(), FSCONFIG_SET_STRING, "context", stack.label, 0) < 0)
    return -1;
  if (fsconfig(fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) return -1;
  return fsmount(fs.get(), FSMOUNT_CLOEXEC, 0);
}

void Append(char* out, size_t& at, const char* text) noexcept {
  size_t size = strlen(text);
  memcpy(out + at, text, size + 1);
  at += size;
}

// mount(2) takes a page of options, but mounts somewhere: in this copy of the host's mount namespace
// that EnterPod leaves.
int ByMount(const Stack& stack, const Layers& layers) noexcept {
  char data[4096];
  size_t at = 0;
  size_t others = 96 + (stack.label ? strlen(stack.label) : 0);
  if (others > sizeof data / 2) return errno = E2BIG, -1;
  Append(data, at, "lowerdir=");
  size_t numbers =
      JoinNumbers(layers.first, layers.lower_count, data + at, sizeof data - at - others);
  if (!numbers) return errno = E2BIG, -1;
  at += numbers;
  if (stack.upper_dir) {
    Append(data, at, ",upperdir=");
    at += FormatNumber(data + at, static_cast<unsigned>(layers.upper()));
    Append(data, at, ",workdir=");
    at += FormatNumber(data + at, static_cast<unsigned>(layers.work()));
  }
  Append(data, at, stack.is_volatile ? ",volatile" : "");
  if (stack.label) {  // in quotes: its categories are separated by commas
    Append(data, at, ",context=\"");
    Append(data, at, stack.label);
    Append(data, at, "\"");
  }
  if (mount("overlay", stack.place(), "overlay", 0, data) < 0) return -1;
  int tree = open_tree(AT_FDCWD, stack.place(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  umount2(stack.place(), MNT_DETACH);
  return tree;
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

// Consecutive numbers above everything that is open.
Outcome NumberLayers(const Plan& plan, const Stack& stack, Layers& layers) noexcept {
  int highest = open("/", O_PATH | O_CLOEXEC);
  if (highest < 0) return Fail(stack.step, "/", stack.at);
  close(highest);
  if (!plan.keep.empty() && plan.keep.back() > highest) highest = plan.keep.back();
  for (const Mount& mount : plan.mounts) highest = mount.tree > highest ? mount.tree : highest;
  layers = {highest + 1, stack.lower_dirs.size()};
  return {};
}

Outcome Number(const Stack& stack, int fd, int wanted, const char* path) noexcept {
  if (fd < 0) return Fail(stack.step, path, stack.at);
  if (fd == wanted) return {};
  if (dup3(fd, wanted, O_CLOEXEC) < 0) return Fail(stack.step, path, stack.at);
  close(fd);
  return {};
}

Outcome OpenLayer(const Stack& stack, const char* path, int wanted) noexcept {
  return Number(stack, open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), wanted, path);
}

// The upper directory is the container's own, and belongs to its root: only what it shares with
// others is mapped.
Outcome OpenLayers(const Plan& plan, const Stack& stack, const Layers& layers,
                   Mapped mapped) noexcept {
  for (size_t i = 0; i < layers.lower_count; ++i) {
    const char* path = stack.lower_dirs[i];
    if (!plan.users)
      INIT_TRY(OpenLayer(stack, path, layers.lower(i)));
    else
      INIT_TRY(Number(stack, OpenMapped(path, plan.users->fd, mapped), layers.lower(i), path));
  }
  if (!stack.upper_dir) return {};
  INIT_TRY(OpenLayer(stack, stack.upper_dir, layers.upper()));
  return OpenLayer(stack, stack.work_dir, layers.work());
}

// The kernel doesn't know this way (of descriptors, 6.1 says EOPNOTSUPP and 6.12 EBADF), or it carries
// fewer layers (E2BIG), or there is a real mistake, which every way finds.
bool MayBeUnknown(int err) noexcept {
  return err == EINVAL || err == EOPNOTSUPP || err == EBADF || err == E2BIG;
}

int FirstThatWorks(const Plan& plan, const Stack& stack, const Layers& layers) noexcept {
  errno = EINVAL;
  for (int call = static_cast<int>(plan.overlay_call); call < static_cast<int>(OverlayCall::kMount);
       ++call) {
    int tree = ByFsopen(stack, static_cast<OverlayCall>(call), layers);
    if (tree >= 0 || !MayBeUnknown(errno)) return tree;
  }
  return -1;
}

Outcome CopyMounts(const Stack& stack) noexcept {
  if (unshare(CLONE_NEWNS) < 0) return Fail(stack.step, "unshare", stack.at);
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0)
    return Fail(stack.step, "make private", stack.at);
  return {};
}

// In a copy of the mount namespace, with layers opened in it: overlayfs takes none of another's.
// Then it has its own mounts of them, and the places are free again.
Outcome MountInCopy(const Plan& plan, const Stack& stack, const Layers& layers,
                    int& tree) noexcept {
  INIT_TRY(CopyMounts(stack));
  INIT_TRY(OpenLayers(plan, stack, layers, Mapped::kInPlace));
  tree = ByMount(stack, layers);
  if (tree < 0) return Fail(stack.step, stack.place(), stack.at);
  for (const char* path : stack.lower_dirs)
    if (plan.users) umount2(path, MNT_DETACH);
  return {};
}

Outcome MountStack(const Plan& plan, const Stack& stack, int& tree) noexcept {
  Layers layers{};
  INIT_TRY(NumberLayers(plan, stack, layers));
  INIT_TRY(OpenLayers(plan, stack, layers, Mapped::kDetached));
  if (chdir("/proc/self/fd") < 0) return Fail(Step::kSetup, "chdir /proc/self/fd");
  tree = FirstThatWorks(plan, stack, layers);
  if (tree < 0) {
    if (!MayBeUnknown(errno)) return Fail(stack.step, stack.place(), stack.at);
    INIT_TRY(MountInCopy(plan, stack, layers, tree));
  }
  int last = stack.upper_dir ? layers.work() : layers.upper() - 1;
  if (syscall(SYS_close_range, layers.first, last, 0) < 0)
    return Fail(Step::kSetup, "close_range");
  return {};
}

// A detached mount of `path` inside the mounted directory `root`, which the image's own links don't
// leave.
Outcome ClonePath(const Mount& mount, int root, int& tree) noexcept {
  Fd inside(OpenInRoot(root, mount.source, O_PATH));
  if (!inside.valid()) return Fail(Step::kImagePath, mount.source, mount.target);
  tree = CloneTree(inside.get(), false);
  return tree < 0 ? Fail(Step::kImage, mount.source, mount.target) : Outcome{};
}

// overlayfs needs two layers: one is mounted as it is.
Outcome MountLayer(const Plan& plan, const Mount& mount, int& tree) noexcept {
  const char* path = mount.layers[0];
  Fd layer(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!layer.valid()) return Fail(Step::kImage, path, mount.target);
  INIT_TRY(ClonePath(mount, layer.get(), tree));
  if (plan.users && MapIds(tree, plan.users->fd) < 0) return Fail(Step::kMapIds, path, mount.target);
  return {};
}

// Only what is mounted somewhere can be cloned in part (before 6.15).
Outcome Narrow(const Mount& mount, const Stack& stack, int whole, int& tree) noexcept {
  INIT_TRY(CopyMounts(stack));
  Fd place(open(stack.place(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!place.valid() || Attach(whole, place.get()) < 0)
    return Fail(Step::kImage, stack.place(), mount.target);
  INIT_TRY(ClonePath(mount, whole, tree));
  umount2(stack.place(), MNT_DETACH);
  return {};
}

Outcome OpenImage(const Plan& plan, Mount& mount) noexcept {
  int tree = -1;
  if (mount.layers.size() == 1) {
    INIT_TRY(MountLayer(plan, mount, tree));
  } else {
    Stack stack;
    stack.lower_dirs = mount.layers;
    stack.label = plan.mount_label;
    stack.step = Step::kImage;
    stack.at = mount.target;
    INIT_TRY(MountStack(plan, stack, tree));
    Fd whole(tree);
    if (strcmp(mount.source, "/") != 0)
      INIT_TRY(Narrow(mount, stack, whole.get(), tree));
    else
      whole.Release();
  }
  mount.tree = tree;
  if (SetMountAttributes(tree, mount.attributes, false) < 0)
    return Fail(Step::kImage, mount.source, mount.target);
  return {};
}

}  // namespace

Outcome OpenOverlay(const Plan& plan, State& state) noexcept {
  Stack stack;
  stack.lower_dirs = plan.lower_dirs;
  stack.upper_dir = plan.upper_dir;
  stack.work_dir = plan.work_dir;
  stack.label = plan.mount_label;
  stack.is_volatile = plan.overlay_volatile;
  return MountStack(plan, stack, state.root);
}

Outcome OpenImages(const Plan& plan, State&) noexcept {
  for (Mount& mount : plan.mounts)
    if (mount.kind == MountKind::kImage) INIT_TRY(OpenImage(plan, mount));
  return {};
}

}  // namespace cradle::init
