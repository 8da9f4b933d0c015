// Admission: at most `limit` starts at once, first come, first served, so that a hundred pods at once don't fight for
// one disk. Nobody waits in a thread: what can't begin yet is kept and begun by whoever leaves. Thread safe.
#pragma once

#include <deque>
#include <functional>
#include <mutex>

namespace cradle::sandbox {

class Admission {
 public:
  explicit Admission(int limit) : free_(limit) {}

  void Enter(std::function<void()> begin) {
    {
      std::lock_guard lock(mutex_);
      if (free_ == 0) {
        waiting_.push_back(std::move(begin));
        return;
      }
      --free_;
    }
    begin();
  }
  void Leave() {
    std::function<void()> next;
    {
      std::lock_guard lock(mutex_);
      if (waiting_.empty()) {
        ++free_;
        return;
      }
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    next();
  }

 private:
  std::mutex mutex_;
  std::deque<std::function<void()>> waiting_;
  int free_;
};

}  // namespace cradle::sandbox
