#include "unpack/stream.h"

#include <algorithm>

namespace cradle::unpack {

Result<> BlockQueue::Put(std::string_view bytes) {
  std::string block;
  {
    std::lock_guard lock(mutex_);
    if (!spare_.empty()) {
      block = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  block.assign(bytes);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return blocks_.size() < kBlocks || given_up_; });
  if (given_up_) return *given_up_;
  blocks_.push_back(std::move(block));
  changed_.notify_all();
  return {};
}

void BlockQueue::End(std::optional<Error> error) {
  std::lock_guard lock(mutex_);
  ended_ = true;
  error_ = std::move(error);
  changed_.notify_all();
}

Result<std::string_view> BlockQueue::Take(size_t max) {
  if (at_ == current_.size()) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !blocks_.empty() || ended_; });
    if (blocks_.empty()) {
      if (error_) return *error_;
      return std::string_view();
    }
    spare_.push_back(std::move(current_));
    current_ = std::move(blocks_.front());
    blocks_.pop_front();
    at_ = 0;
    changed_.notify_all();
  }
  std::string_view bytes = std::string_view(current_).substr(at_, max);
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
