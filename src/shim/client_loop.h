// LoopThread: what is behind ShimLoop. Its event loop is shared with the clients (LoopCore), so that a client that
// outlives the ShimLoop finds a loop that no longer runs, instead of none.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>

#include "base/event_loop.h"
#include "base/sys/thread.h"
#include "shim/client.h"

namespace cradle::shim {

// Who wants to know that the loop has ended.
class LoopUser {
 public:
  virtual ~LoopUser() = default;
  virtual void OnLoopEnded() = 0;
};

struct LoopCore {
  std::unique_ptr<EventLoop> events;
  std::mutex mutex;
  std::map<LoopUser*, std::weak_ptr<LoopUser>> users;  // under mutex
};

class LoopThread final : public ShimLoop {
 public:
  static Result<std::unique_ptr<LoopThread>> Start();
  ~LoopThread() override;
  uint64_t RunAt(Deadline when, std::function<void()> action) override;
  void CancelTimer(uint64_t key) override;
  std::shared_ptr<LoopCore> core() { return core_; }

 private:
  LoopThread() = default;

  std::shared_ptr<LoopCore> core_ = std::make_shared<LoopCore>();
  std::atomic<uint64_t> next_key_ = 1;
  std::map<uint64_t, EventLoop::Timer> timers_;  // loop's thread
  std::unique_ptr<sys::Thread> thread_;
};

}  // namespace cradle::shim
