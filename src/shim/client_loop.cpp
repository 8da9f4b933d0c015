#include "shim/client_loop.h"

#include <vector>

namespace cradle::shim {

constexpr size_t kStack = 1 << 20;  // callbacks are the daemon's

Result<std::unique_ptr<ShimLoop>> ShimLoop::Create() { return TRY(LoopThread::Start()); }

Result<std::unique_ptr<LoopThread>> LoopThread::Start() {
  std::unique_ptr<LoopThread> out(new LoopThread);
  out->core_->events = TRY(EventLoop::Create());
  EventLoop* loop = out->core_->events.get();
  out->thread_ = TRY(sys::Thread::Start("shims", kStack, [loop] { loop->Run(); }));
  return out;
}

LoopThread::~LoopThread() {
  if (core_->events) core_->events->Stop();
  thread_.reset();
  std::vector<std::shared_ptr<LoopUser>> users;
  {
    std::lock_guard lock(core_->mutex);
    for (const auto& [key, weak] : core_->users)
      if (auto user = weak.lock()) users.push_back(std::move(user));
  }
  for (const auto& user : users) user->OnLoopEnded();
}

uint64_t LoopThread::RunAt(Deadline when, std::function<void()> action) {
  uint64_t key = next_key_++;
  core_->events->Post([this, key, when, action = std::move(action)] {
    timers_[key] = core_->events->RunAt(when, [this, key, action] {
      timers_.erase(key);
      action();
    });
  });
  return key;
}

void LoopThread::CancelTimer(uint64_t key) {
  core_->events->Post([this, key] { timers_.erase(key); });
}

}  // namespace cradle::shim
