#include "image/empty_namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <mutex>
#include <optional>

#include "base/sys/confine.h"
#include "base/sys/file.h"
#include "base/sys/mount.h"
#include "base/sys/process.h"
#include "base/sys/thread.h"

namespace cradle::image {
namespace {

constexpr size_t kStackBytes = 128 << 10;

// For a thread that ends afterwards.
Result<EmptyNamespaces> Make() {
  UniqueFd namespaces = TRY(sys::OpenAt(kCwd, "/proc/thread-self/ns", O_RDONLY | O_DIRECTORY));
  TRYV(sys::Unshare(CLONE_NEWNS | CLONE_NEWNET));
  TRYV(sys::Mount("none", "/", "", MS_REC | MS_SLAVE, ""));
  UniqueFd nothing = TRY(sys::FsMount("tmpfs", {{"size", "4k"}}, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
                                                                     MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  TRYV(sys::MoveMount(nothing, kCwd, "/"));
  // Who runs from an initramfs can't leave it: it stays below, out of reach, and loses what the node unmounts.
  if (auto pivoted = sys::PivotTo(nothing); !pivoted.ok() && pivoted.error().err() != EINVAL) return std::move(pivoted.error());
  UniqueFd mounts = TRY(sys::OpenAt(namespaces, "mnt", O_RDONLY));
  return EmptyNamespaces{std::move(mounts), TRY(sys::OpenAt(namespaces, "net", O_RDONLY))};
}

}  // namespace

Result<const EmptyNamespaces*> LoadEmptyNamespaces() {
  static std::mutex mutex;
  static std::optional<EmptyNamespaces> made;
  std::lock_guard lock(mutex);
  if (made) return &*made;
  std::optional<Result<EmptyNamespaces>> result;
  TRY(sys::Thread::Start("empty-ns", kStackBytes, [&] { result = Make(); })).reset();
  made = TRY(std::move(*result).With("namespaces of the unpackers"));
  return &*made;
}

}  // namespace cradle::image
