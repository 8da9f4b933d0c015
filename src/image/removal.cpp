#include "image/removal.h"

#include <fcntl.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "base/sys/file.h"
#include "base/sys/thread.h"

namespace cradle::image {
namespace {

constexpr size_t kThreads = 32, kStackBytes = 256 * 1024;
constexpr size_t kNamesOfBatch = 64;
constexpr size_t kMaxBatches = 256;  // each keeps a folder open

// Unlinks the files; folders stay, and everything below those that came when too much was waiting.
class FileRemoval {
 public:
  void Run(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) Open(kCwd, path);
    Work();
    helpers_.clear();  // joins them
  }

 private:
  struct Batch {
    std::shared_ptr<const UniqueFd> folder;
    std::vector<std::string> names;
  };

  void Open(FdRef parent, const std::string& name) {
    auto opened = sys::OpenAt(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!opened.ok()) return;
    auto folder = std::make_shared<const UniqueFd>(std::move(*opened));
    auto names = sys::ListDir(*folder);
    if (!names.ok()) return;
    std::lock_guard lock(mutex_);
    for (auto at = names->begin(); at != names->end();) {
      auto end = at + std::min<ptrdiff_t>(kNamesOfBatch, names->end() - at);
      batches_.push_back({folder, {std::make_move_iterator(at), std::make_move_iterator(end)}});
      at = end;
    }
    while (helpers_.size() + 1 < std::min(kThreads, batches_.size())) {
      auto helper = sys::Thread::Start("image-remove", kStackBytes, [this] { Work(); });
      if (!helper.ok()) break;  // fewer threads do the same work
      helpers_.push_back(std::move(*helper));
    }
    changed_.notify_all();
  }

  void Unlink(const Batch& batch) {
    for (const std::string& name : batch.names) {
      auto removed = sys::UnlinkAt(*batch.folder, name, 0);
      if (!removed.ok() && removed.error().err() == EISDIR && HasRoom()) Open(*batch.folder, name);
    }
  }

  bool HasRoom() {
    std::lock_guard lock(mutex_);
    return batches_.size() < kMaxBatches;
  }

  // Until nothing is waiting, and nobody is at work who could find more.
  void Work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return !batches_.empty() || busy_ == 0; });
      if (batches_.empty()) return;
      Batch batch = std::move(batches_.back());  // the last one: deep before wide
      batches_.pop_back();
      ++busy_;
      lock.unlock();
      Unlink(batch);
      lock.lock();
      if (--busy_ == 0) changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Batch> batches_;
  size_t busy_ = 0;
  std::vector<std::unique_ptr<sys::Thread>> helpers_;
};

}  // namespace

void RemoveTrees(const std::vector<std::string>& paths) {
  FileRemoval().Run(paths);
  for (const std::string& path : paths) (void)sys::RemoveTree(kCwd, path);
}

}  // namespace cradle::image
