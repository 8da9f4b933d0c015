#include "sandbox/usage.h"

#include <fcntl.h>

#include "base/clock.h"
#include "base/sys/file.h"

namespace cradle::sandbox {
namespace {

constexpr int64_t kFreshNanos = 10'000'000'000;

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

Runtime::LayerUsage UsageCache::Get(const std::string& dir) {
  std::lock_guard lock(mutex_);
  Runtime::LayerUsage& known = known_[dir];
  if (known.dir.empty()) known = {dir, 4096, 1, WallNanos() - kFreshNanos};  // an empty upper directory
  if (WallNanos() - known.wall_nanos >= kFreshNanos && walking_.insert(dir).second)
    walker_.Post([this, dir] { Walk(dir); });
  return known;
}

void UsageCache::Forget(const std::string& dir) {
  std::lock_guard lock(mutex_);
  known_.erase(dir);
}

void UsageCache::Walk(const std::string& dir) {
  Runtime::LayerUsage usage{dir, 4096, 1, WallNanos()};
  if (auto top = sys::OpenAt(kCwd, dir, O_RDONLY | O_DIRECTORY); top.ok()) Add(*top, usage);
  std::lock_guard lock(mutex_);
  walking_.erase(dir);
  if (auto at = known_.find(dir); at != known_.end()) at->second = usage;
}

}  // namespace cradle::sandbox
