// The container's /proc views: files of one FUSE file system, which the shim serves, over the kernel's own.
#include <sys/stat.h>

#include "container/init/kernel.h"
#include "container/init/paths.h"
#include "container/init/steps.h"

namespace cradle::init {
namespace {

// The kernel's own file, or -1: it has none, or a mount that the request asked for is there, which is left alone.
int OpenCovered(const ViewFile& view, int root) noexcept {
  Fd base(OpenInRoot(root, view.mount, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS));
  if (!base.valid()) return -1;
  return OpenAt2(base.get(), view.path, O_PATH, RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
}

// What is attached nowhere can be cloned by Linux 6.15 and newer. For older ones it is attached to the root meanwhile,
// which hides nothing from who walks from the root's own descriptor.
int CloneView(const Plan& plan, State& state, const char* name) noexcept {
  constexpr unsigned kFlags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  if (!state.views_attached) {
    int tree = plan.attach_views ? -1 : open_tree(plan.views, name, kFlags);
    if (tree >= 0 || (!plan.attach_views && errno != EINVAL)) return tree;
    if (Attach(plan.views, state.root) < 0) return -1;
    state.views_attached = true;
  }
  return open_tree(plan.views, name, kFlags);
}

Outcome Place(const Plan& plan, State& state, const ViewFile& view) noexcept {
  Fd covered(OpenCovered(view, state.root));
  if (!covered.valid())
    return errno == ENOENT || errno == ENOTDIR || errno == EXDEV ? Outcome{} : Fail(Step::kView, view.path);
  Fd tree(CloneView(plan, state, view.name));
  if (!tree.valid() || Attach(tree.get(), covered.get()) < 0) return Fail(Step::kView, view.path);
  return {};
}

}  // namespace

Outcome PlaceViews(const Plan& plan, State& state) noexcept {
  if (plan.views < 0) return {};
  for (const ViewFile& view : plan.view_files) INIT_TRY(Place(plan, state, view));
  if (state.views_attached && (fchdir(plan.views) < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0))
    return Fail(Step::kView, "/");
  close(plan.views);  // here, and not on the way to exec: it waits for a grace period
  return {};
}

}  // namespace cradle::init
