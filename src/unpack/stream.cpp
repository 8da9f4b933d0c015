#include "unpack/stream.h"

#include <algorithm>
#include <utility>

namespace cradle::unpack {

Result<std::span<char>> BlockQueue::Room() {
  if (!filling_.bytes) {
    std::lock_guard lock(mutex_);
    if (!spare_.empty()) {
      filling_.bytes = std::move(spare_.back().bytes);
      spare_.pop_back();
    } else {
      filling_.bytes = std::make_unique_for_overwrite<char[]>(kBlockBytes);
    }
  }
  return std::span(filling_.bytes.get() + filling_.size, kBlockBytes - filling_.size);
}

Result<> BlockQueue::Fill(size_t bytes) {
  filling_.size += bytes;
  if (filling_.size < kBlockBytes) return {};
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return blocks_.size() < kBlocks || given_up_; });
  if (given_up_) return *given_up_;
  blocks_.push_back(std::exchange(filling_, {}));
  changed_.notify_all();
  return {};
}

void BlockQueue::End(std::optional<Error> error) {
  std::lock_guard lock(mutex_);
  if (filling_.size > 0 && !given_up_) blocks_.push_back(std::exchange(filling_, {}));
  ended_ = true;
  error_ = std::move(error);
  changed_.notify_all();
}

Result<std::string_view> BlockQueue::Take(size_t max) {
  if (at_ == current_.size) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !blocks_.empty() || ended_; });
    if (blocks_.empty()) {
      if (error_) return *error_;
      return std::string_view();
    }
    if (current_.bytes) spare_.push_back(std::move(current_));
    current_ = std::move(blocks_.front());
    blocks_.pop_front();
    at_ = 0;
    changed_.notify_all();
  }
  std::string_view bytes(current_.bytes.get() + at_, std::min(max, current_.size - at_));
  at_ += bytes.size();
  return bytes;
}

void BlockQueue::GiveUp(Error why) {
  std::lock_guard lock(mutex_);
  given_up_ = std::move(why);
  blocks_.clear();
  changed_.notify_all();
}

}  // namespace cradle::unpack
