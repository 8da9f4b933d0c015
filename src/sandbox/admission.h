// Admission: how many starts are under way at once. Of those begun within the last moment at most Pace::fresh, so that a
// hundred pods at once leave the processors to others, the kubelet first, which asks about each of them meanwhile. One
// that takes longer waits for something, a plugin or a disk: it keeps nobody back but by Pace::in_all. First come, first
// served, but what a pod needs that is there comes before the next pod.
//
// No start waits in a thread: it is kept and begun by whoever enters or leaves, or by a thread that is there while
// anything is kept, when a fresh one gets old. Thread safe; `begin` is called without a lock.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <set>

#include "base/clock.h"
#include "base/thread_pool.h"

namespace cradle::sandbox {

struct Pace {
  int fresh;
  int in_all;
  milliseconds moment;
};

class Admission {
 public:
  enum class Kind { kContainer, kPod };  // as they are served
  using Ticket = std::chrono::steady_clock::time_point;
  using Begin = std::function<void(Ticket)>;

  explicit Admission(Pace pace) : pace_(pace) {}

  void Enter(Kind kind, Begin begin);
  void Leave(Ticket ticket);

 private:
  void BeginKept();
  void KeepPace();
  // Of those below the mutex is held.
  bool AnyKept() const { return !kept_[0].empty() || !kept_[1].empty(); }
  bool Full() const { return running_.size() >= static_cast<size_t>(pace_.in_all); }
  std::multiset<Ticket>::const_iterator FirstFresh() const;
  bool MayBegin() const;
  Begin TakeNext();

  const Pace pace_;
  std::mutex mutex_;
  std::condition_variable left_;
  std::array<std::deque<Begin>, 2> kept_;  // by Kind
  std::multiset<Ticket> running_;          // when they began
  bool pacing_ = false;
  ThreadPool pacer_{"pacer", 1};
};

}  // namespace cradle::sandbox
