// EventLoop: one thread, one epoll. Descriptors, timers and work posted by other threads all become calls on the
// thread that is in Run(). Without any of them the thread sleeps for good: no tick, no polling.
//
// Post and Stop may be called by any thread; everything else belongs to the loop's thread (or happens before Run).
// A handler may remove any watch or timer, its own too.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"

namespace cradle {

class EventLoop {
 public:
  using Work = std::function<void()>;
  using Handler = std::function<void(uint32_t events)>;

  // Ends with its owner; the descriptor must outlive it (declare it after the descriptor).
  class Watch {
   public:
    Watch() = default;
    Watch(Watch&& other) noexcept { *this = std::move(other); }
    Watch& operator=(Watch&& other) noexcept;
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() { Reset(); }
    void Reset();
    bool active() const { return loop_ != nullptr; }
    // EPOLL* bits; level-triggered.
    void SetEvents(uint32_t events);

   private:
    friend class EventLoop;
    EventLoop* loop_ = nullptr;
    uint64_t key_ = 0;
    FdRef fd_;
  };

  // A pending call; the destructor cancels it.
  class Timer {
   public:
    Timer() = default;
    Timer(Timer&& other) noexcept { *this = std::move(other); }
    Timer& operator=(Timer&& other) noexcept;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer() { Cancel(); }
    void Cancel();

   private:
    friend class EventLoop;
    EventLoop* loop_ = nullptr;
    uint64_t key_ = 0;
  };

  static Result<std::unique_ptr<EventLoop>> Create();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  Result<Watch> Add(FdRef fd, uint32_t events, Handler handler);
  [[nodiscard]] Timer RunAt(Deadline when, Work work);

  void Post(Work work);
  void Run();
  void Stop();

 private:
  EventLoop() = default;
  int SleepMillis() const;
  void RunTimers();
  void RunPosted();

  struct Pending {
    uint64_t key;
    Work work;
  };
  UniqueFd epoll_;
  UniqueFd wake_;
  uint64_t next_key_ = 1;
  std::map<uint64_t, std::shared_ptr<Handler>> handlers_;
  std::multimap<Deadline, Pending> timers_;
  std::mutex mutex_;
  std::vector<Work> posted_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace cradle
