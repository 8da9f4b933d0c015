#include "sandbox/usage.h"

#include <fcntl.h>

#include "base/clock.h"
#include "base/sys/file.h"

namespace cradle::sandbox {
namespace {

void Add(FdRef dir, Runtime::LayerUsage& usage) {
  auto names = sys::ListDir(dir);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    auto info = sys::FstatAt(dir, name, AT_SYMLINK_NOFOLLOW);
    if (!info.ok()) continue;
    usage.bytes += static_cast<uint64_t>(info->st_blocks) * 512;
    ++usage.inodes;
    if (!S_ISDIR(info->st_mode)) continue;
    auto below = sys::OpenAt(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (below.ok()) Add(*below, usage);
  }
}

}  // namespace

Runtime::LayerUsage EmptyLayer(const std::string& dir) { return {dir, 4096, 1, WallNanos()}; }

Runtime::LayerUsage WalkLayer(const std::string& dir) {
  Runtime::LayerUsage usage = EmptyLayer(dir);
  if (auto top = sys::OpenAt(kCwd, dir, O_RDONLY | O_DIRECTORY); top.ok()) Add(*top, usage);
  return usage;
}

}  // namespace cradle::sandbox
