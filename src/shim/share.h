// Share: how much of its thread one user of an event loop may take: a fifth of a processor, looked at in windows of 10 ms.
// It counts by the clock, which costs nothing and says too much: who else ran meanwhile is in it, and that a virtual
// machine stood still. So before it refuses it asks the kernel what the thread has used. The loop's thread.
#pragma once

#include <chrono>
#include <optional>

#include "base/clock.h"

namespace cradle::shim {

// What the calling thread has used of processors (clock_gettime(2), CLOCK_THREAD_CPUTIME_ID).
std::chrono::nanoseconds ThreadTime();

class Share {
 public:
  explicit Share(std::chrono::nanoseconds (*thread_time)() = ThreadTime) : thread_time_(thread_time) {}
  // A piece of work begins, now.
  void Begin(Deadline now);
  // It has ended, now. When the next may begin; nothing: at once.
  std::optional<Deadline> End(Deadline now);

 private:
  using Duration = std::chrono::steady_clock::duration;
  bool used_up() const;

  std::chrono::nanoseconds (*thread_time_)();
  Deadline window_, began_;
  Duration thread_at_window_{}, spent_{};
};

}  // namespace cradle::shim
