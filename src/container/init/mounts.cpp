// The container's mounts: sources opened in the host's mount namespace, everything else made and
// attached by descriptor inside the container's root.
#include <sched.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstring>

#include "container/init/kernel.h"
#include "container/init/paths.h"
#include "container/init/propagation.h"
#include "container/init/steps.h"

namespace cradle::init {
namespace {

uint64_t PropagationFlag(Propagation propagation) noexcept {
  switch (propagation) {
    case Propagation::kPrivate:
      return MS_PRIVATE;
    case Propagation::kSlave:
      return MS_SLAVE;
    case Propagation::kShared:
      return MS_SHARED;
  }
  return MS_PRIVATE;
}

// A copy of a shared mount is its peer, of a slave one more slave: what the daemon asked for is
// narrowed from there.
Outcome CheckPropagation(const Mount& mount, int source) noexcept {
  if (mount.propagation == Propagation::kPrivate) return {};
  MountSharing sharing;
  if (ReadSharing(source, sharing) < 0) return Fail(Step::kBindSource, mount.source, mount.target);
  if (mount.propagation == Propagation::kShared && !sharing.shared)
    return FailWith(EINVAL, Step::kNotShared, mount.source, mount.target);
  if (!sharing.shared && !sharing.slave)
    return FailWith(EINVAL, Step::kNotSlave, mount.source, mount.target);
  return {};
}

Outcome OpenBind(Mount& mount, const UserNamespace* users) noexcept {
  Fd source(open(mount.source, O_PATH | O_CLOEXEC));
  if (!source.valid()) return Fail(Step::kBindSource, mount.source, mount.target);
  INIT_TRY(CheckPropagation(mount, source.get()));
  mount.tree = CloneTree(source.get(), true);
  if (mount.tree < 0) return Fail(Step::kBindSource, mount.source, mount.target);
  if (mount.mapped && MapIds(mount.tree, users->fd) < 0)
    return Fail(Step::kMapIds, mount.source, mount.target);
  uint64_t all = mount.recursive_readonly ? MOUNT_ATTR_RDONLY : 0;
  if (SetMountAttributes(mount.tree, all, true, PropagationFlag(mount.propagation)) < 0 ||
      (mount.attributes && SetMountAttributes(mount.tree, mount.attributes, false) < 0))
    return Fail(Step::kBindSource, mount.source, mount.target);
  return {};
}

const char* TypeName(MountKind kind) noexcept {
  switch (kind) {
    case MountKind::kProc:
      return "proc";
    case MountKind::kSysfs:
      return "sysfs";
    case MountKind::kTmpfs:
      return "tmpfs";
    case MountKind::kDevpts:
      return "devpts";
    case MountKind::kMqueue:
      return "mqueue";
    case MountKind::kPodShm:
      return "shm";
    case MountKind::kCgroup:
      return "cgroup";
    case MountKind::kImage:
      return "image";
    case MountKind::kBind:
      break;
  }
  return "";
}

bool IsDev(const Mount& mount) noexcept {
  return mount.kind == MountKind::kTmpfs && strcmp(mount.target, "/dev") == 0;
}

// Those that are this container's alone may have a label; of the others there is one in the kernel.
int Make(const Plan& plan, const Mount& mount) noexcept {
  bool alone = mount.kind == MountKind::kTmpfs || mount.kind == MountKind::kDevpts;
  return MakeFilesystem(TypeName(mount.kind), mount.options, mount.attributes,
                        alone ? plan.mount_label : nullptr);
}

int OpenTree(const Plan& plan, const Mount& mount, State& state) noexcept {
  if (mount.tree >= 0) return mount.tree;
  if (mount.kind != MountKind::kPodShm) return Make(plan, mount);
  int tree = state.shm;
  state.shm = -1;
  if (tree < 0) errno = EBUSY;  // planned twice
  if (tree >= 0 && mount.attributes && SetMountAttributes(tree, mount.attributes, false) < 0)
    return -1;
  return tree;
}

int OpenTarget(const Mount& mount, int tree, int root) noexcept {
  struct stat source, there;
  if (fstat(tree, &source) < 0) return -1;
  bool directory = S_ISDIR(source.st_mode);
  Fd target(Ensure(root, mount.target, directory ? Leaf::kDirectory : Leaf::kFile));
  if (!target.valid() || fstat(target.get(), &there) < 0) return -1;
  if (directory != S_ISDIR(there.st_mode)) return errno = directory ? ENOTDIR : EISDIR, -1;
  if (mount.kind != MountKind::kProc && mount.kind != MountKind::kSysfs) return target.Release();
  // A link here would put the real one elsewhere and leave the image's own /proc to whoever trusts
  // it.
  return OpenInRoot(root, mount.target, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
}

Outcome MakeMount(const Plan& plan, State& state, const Mount& mount) noexcept {
  if (mount.kind == MountKind::kCgroup) return MountCgroups(plan, state, mount);
  const char* what = mount.kind == MountKind::kBind ? mount.source : TypeName(mount.kind);
  Fd tree(OpenTree(plan, mount, state));
  if (!tree.valid()) return Fail(Step::kMount, what, mount.target);
  Fd target(OpenTarget(mount, tree.get(), state.root));
  if (!target.valid() || Attach(tree.get(), target.get()) < 0)
    return Fail(Step::kMount, what, mount.target);
  if (mount.kind == MountKind::kDevpts && state.devpts < 0) state.devpts = tree.Release();
  return {};
}

// What covers masked paths: files the null device, directories one empty tmpfs.
struct Covers {
  const char* label;
  int null = -1;
  int empty = -1;
};

int OpenNullCover(int root) noexcept {
  Fd null(OpenInRoot(root, "/dev/null", O_PATH, RESOLVE_NO_SYMLINKS));
  struct stat info;
  if (!null.valid() || fstat(null.get(), &info) < 0) return -1;
  // Anything else of that name would hand out, writable, what it should hide.
  if (!S_ISCHR(info.st_mode) || info.st_rdev != makedev(1, 3)) return errno = ENODEV, -1;
  return null.Release();
}

int CoverDirectory(int target, Covers& covers) noexcept {
  static constexpr Option kOptions[] = {{"size", "0"}, {"nr_inodes", "2"}, {"mode", "755"}};
  if (covers.empty >= 0) {
    Fd tree(CloneTree(covers.empty, false));
    return tree.valid() ? Attach(tree.get(), target) : -1;
  }
  covers.empty =
      MakeFilesystem("tmpfs", kOptions,
                     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                     covers.label);
  return covers.empty < 0 ? -1 : Attach(covers.empty, target);
}

int CoverFile(int target, int root, Covers& covers) noexcept {
  if (covers.null < 0) covers.null = OpenNullCover(root);
  if (covers.null < 0) return -1;
  Fd tree(CloneTree(covers.null, false));
  return tree.valid() ? Attach(tree.get(), target) : -1;
}

Outcome Mask(const char* path, State& state, Covers& covers) noexcept {
  Fd target(OpenInRoot(state.root, path, O_PATH));
  if (!target.valid())
    return errno == ENOENT || errno == ENOTDIR ? Outcome{} : Fail(Step::kMask, path);
  struct stat info;
  if (fstat(target.get(), &info) < 0) return Fail(Step::kMask, path);
  int covered = S_ISDIR(info.st_mode) ? CoverDirectory(target.get(), covers)
                                      : CoverFile(target.get(), state.root, covers);
  return covered < 0 ? Fail(Step::kMask, path) : Outcome{};
}

Outcome MakeReadonly(const char* path, const State& state) noexcept {
  Fd target(OpenInRoot(state.root, path, O_PATH));
  if (!target.valid())
    return errno == ENOENT || errno == ENOTDIR ? Outcome{} : Fail(Step::kReadonly, path);
  Fd tree(CloneTree(target.get(), true));
  if (!tree.valid() || SetMountAttributes(tree.get(), MOUNT_ATTR_RDONLY, false) < 0 ||
      Attach(tree.get(), target.get()) < 0)
    return Fail(Step::kReadonly, path);
  return {};
}

}  // namespace

int MakeFilesystem(const char* type, std::span<const Option> options, uint64_t attributes,
                   const char* label) noexcept {
  Fd fs(fsopen(type, FSOPEN_CLOEXEC));
  if (!fs.valid() || fsconfig(fs.get(), FSCONFIG_SET_STRING, "source", type, 0) < 0) return -1;
  for (const Option& option : options) {
    unsigned command = option.value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
    if (fsconfig(fs.get(), command, option.key, option.value, 0) < 0) return -1;
  }
  if (label && fsconfig(fs.get(), FSCONFIG_SET_STRING, "context", label, 0) < 0) return -1;
  if (fsconfig(fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) return -1;
  return fsmount(fs.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes));
}

Outcome OpenBindSources(const Plan& plan, State&) noexcept {
  for (Mount& mount : plan.mounts)
    if (mount.kind == MountKind::kBind) INIT_TRY(OpenBind(mount, plan.users));
  return {};
}

// A device node can't be made in a user namespace, nor be opened on a file system that was: /dev is
// the host's, with the container's root as its owner. The host's network is not shown to who
// doesn't own it but by its owner.
Outcome MakeForeignMounts(const Plan& plan, State&) noexcept {
  if (!plan.users) return {};
  for (Mount& mount : plan.mounts) {
    bool dev = IsDev(mount);
    bool host_network = mount.kind == MountKind::kSysfs && !(plan.join_namespaces & CLONE_NEWNET);
    if (!dev && !host_network) continue;
    mount.tree = Make(plan, mount);
    if (mount.tree < 0) return Fail(Step::kMount, TypeName(mount.kind), mount.target);
    if (dev) INIT_TRY(FillDev(plan, mount.tree));
  }
  return {};
}

// The kernel makes these for a user namespace only where whole ones are in sight: in the copy of the
// host's mount namespace, not in the pod's. sysfs shows the network of who makes it.
Outcome MakeKernelViews(const Plan& plan, State&) noexcept {
  if (!plan.users) return {};
  if (plan.join_namespaces && setns(plan.namespaces_of, plan.join_namespaces) < 0)
    return Fail(Step::kNamespaces, "setns");
  for (Mount& mount : plan.mounts) {
    if ((mount.kind != MountKind::kProc && mount.kind != MountKind::kSysfs) || mount.tree >= 0)
      continue;
    mount.tree = Make(plan, mount);
    if (mount.tree < 0) return Fail(Step::kMount, TypeName(mount.kind), mount.target);
  }
  return {};
}

Outcome MakeMounts(const Plan& plan, State& state) noexcept {
  for (const Mount& mount : plan.mounts) INIT_TRY(MakeMount(plan, state, mount));
  return {};
}

Outcome MaskPaths(const Plan& plan, State& state) noexcept {
  Covers covers{plan.mount_label};
  for (const char* path : plan.masked_paths) INIT_TRY(Mask(path, state, covers));
  for (const char* path : plan.readonly_paths) INIT_TRY(MakeReadonly(path, state));
  Fd null(covers.null), empty(covers.empty);
  return {};
}

Outcome MakeDirectories(const Plan& plan, State& state) noexcept {
  for (const char* path : plan.directories) {
    Fd made(Ensure(state.root, path, Leaf::kDirectory));
    if (!made.valid()) return Fail(Step::kDirectory, path);
  }
  return {};
}

}  // namespace cradle::init
