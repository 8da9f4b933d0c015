// Joining cgroups, and /sys/fs/cgroup as the container sees it.
#include <sys/stat.h>

#include "container/init/kernel.h"
#include "container/init/paths.h"
#include "container/init/steps.h"

namespace cradle::init {
namespace {

// One hierarchy below `dir`, with the links that co-mounted controllers get.
Outcome MountHierarchy(int dir, const CgroupMount& hierarchy, const Mount& mount) noexcept {
  const char* type = hierarchy.v2 ? "cgroup2" : "cgroup";
  Fd tree(MakeFilesystem(type, hierarchy.options, mount.attributes));
  if (!tree.valid() || mkdirat(dir, hierarchy.name, 0755) < 0)
    return Fail(Step::kMount, hierarchy.name, mount.target);
  Fd target(openat(dir, hierarchy.name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!target.valid() || Attach(tree.get(), target.get()) < 0)
    return Fail(Step::kMount, hierarchy.name, mount.target);
  for (const char* link : hierarchy.links)
    if (symlinkat(hierarchy.name, dir, link) < 0) return Fail(Step::kMount, link, mount.target);
  return {};
}

}  // namespace

// Each file moves its writer ("0") at a fraction of the price that moving another process has (the
// kernel then waits for a grace period). First of all steps: what follows is charged to the
// container.
Outcome JoinCgroups(const Plan& plan, State&) noexcept {
  for (int file : plan.cgroup_files) {
    if (write(file, "0", 1) < 0) return Fail(Step::kCgroup);
    close(file);
  }
  return {};
}

// The cgroup namespace is the container's already: each hierarchy shows its own group as the root.
Outcome MountCgroups(const Plan& plan, State& state, const Mount& mount) noexcept {
  for (const CgroupMount& hierarchy : plan.cgroups) {
    if (!hierarchy.whole) continue;
    Fd tree(MakeFilesystem("cgroup2", hierarchy.options, mount.attributes));
    Fd target(Ensure(state.root, mount.target, Leaf::kDirectory));
    if (!tree.valid() || !target.valid() || Attach(tree.get(), target.get()) < 0)
      return Fail(Step::kMount, "cgroup2", mount.target);
    return {};
  }
  static constexpr Option kOptions[] = {{"mode", "755"}, {"size", "64k"}};
  Fd tmpfs(MakeFilesystem("tmpfs", kOptions, mount.attributes & ~uint64_t{MOUNT_ATTR_RDONLY},
                          plan.mount_label));
  Fd target(Ensure(state.root, mount.target, Leaf::kDirectory));
  if (!tmpfs.valid() || !target.valid() || Attach(tmpfs.get(), target.get()) < 0)
    return Fail(Step::kMount, "tmpfs", mount.target);
  for (const CgroupMount& hierarchy : plan.cgroups)
    INIT_TRY(MountHierarchy(tmpfs.get(), hierarchy, mount));
  if ((mount.attributes & MOUNT_ATTR_RDONLY) &&
      SetMountAttributes(tmpfs.get(), MOUNT_ATTR_RDONLY, false) < 0)
    return Fail(Step::kMount, "tmpfs", mount.target);
  return {};
}

}  // namespace cradle::init
