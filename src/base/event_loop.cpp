#include "base/event_loop.h"

#include <utility>

#include "base/sys/socket.h"

namespace cradle {

constexpr uint64_t kWakeKey = 0;
constexpr size_t kEventsAtOnce = 16;

EventLoop::Watch& EventLoop::Watch::operator=(Watch&& other) noexcept {
  if (this != &other) {
    Reset();
    loop_ = std::exchange(other.loop_, nullptr);
    key_ = other.key_;
    fd_ = other.fd_;
  }
  return *this;
}

void EventLoop::Watch::Reset() {
  if (!loop_) return;
  (void)sys::EpollDelete(loop_->epoll_, fd_);
  std::exchange(loop_, nullptr)->handlers_.erase(key_);
}

void EventLoop::Watch::SetEvents(uint32_t events) {
  if (loop_) (void)sys::EpollModify(loop_->epoll_, fd_, events, key_);
}

EventLoop::Timer& EventLoop::Timer::operator=(Timer&& other) noexcept {
  if (this != &other) {
    Cancel();
    loop_ = std::exchange(other.loop_, nullptr);
    key_ = other.key_;
  }
  return *this;
}

void EventLoop::Timer::Cancel() {
  if (!loop_) return;
  std::erase_if(std::exchange(loop_, nullptr)->timers_,
                [this](const auto& entry) { return entry.second.key == key_; });
}

Result<std::unique_ptr<EventLoop>> EventLoop::Create() {
  std::unique_ptr<EventLoop> loop(new EventLoop);
  loop->epoll_ = TRY(sys::EpollCreate());
  loop->wake_ = TRY(sys::EventfdCreate());
  TRYV(sys::EpollAdd(loop->epoll_, loop->wake_, EPOLLIN, kWakeKey));
  return loop;
}

Result<EventLoop::Watch> EventLoop::Add(FdRef fd, uint32_t events, Handler handler) {
  uint64_t key = next_key_++;
  TRYV(sys::EpollAdd(epoll_, fd, events, key));
  handlers_[key] = std::make_shared<Handler>(std::move(handler));
  Watch watch;
  watch.loop_ = this;
  watch.key_ = key;
  watch.fd_ = fd;
  return watch;
}

EventLoop::Timer EventLoop::RunAt(Deadline when, Work work) {
  Timer timer;
  timer.loop_ = this;
  timer.key_ = next_key_++;
  timers_.emplace(when, Pending{timer.key_, std::move(work)});
  return timer;
}

void EventLoop::Post(Work work) {
  {
    std::lock_guard lock(mutex_);
    posted_.push_back(std::move(work));
  }
  sys::EventfdSignal(wake_);
}

void EventLoop::Stop() {
  stopped_ = true;
  sys::EventfdSignal(wake_);
}

int EventLoop::SleepMillis() const {
  return timers_.empty() ? -1 : MillisLeft(timers_.begin()->first);
}

void EventLoop::RunTimers() {
  auto now = std::chrono::steady_clock::now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Work work = std::move(timers_.begin()->second.work);
    timers_.erase(timers_.begin());
    work();
  }
}

void EventLoop::RunPosted() {
  sys::EventfdDrain(wake_);
  std::vector<Work> work;
  {
    std::lock_guard lock(mutex_);
    work.swap(posted_);
  }
  for (Work& one : work) one();
}

void EventLoop::Run() {
  std::vector<epoll_event> events(kEventsAtOnce);
  while (!stopped_) {
    auto ready = sys::EpollWait(epoll_, events, SleepMillis());
    for (int i = 0; ready.ok() && i < *ready; ++i) {
      uint64_t key = events[static_cast<size_t>(i)].data.u64;
      if (key == kWakeKey) {
        RunPosted();
        continue;
      }
      // An earlier handler of this round may have removed it; the copy keeps one that removes itself alive.
      auto found = handlers_.find(key);
      if (found == handlers_.end()) continue;
      std::shared_ptr<Handler> handler = found->second;
      (*handler)(events[static_cast<size_t>(i)].events);
    }
    RunTimers();
  }
}

}  // namespace cradle
