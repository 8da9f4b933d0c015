#include "shim/share.h"

#include <algorithm>
#include <ctime>

namespace cradle::shim {
namespace {

constexpr milliseconds kWindow{10};
constexpr int kPart = 5;  // one in so many
constexpr int kLoop = 2;  // what a turn of the loop takes, by the work in it: waking up and waiting are as much

}  // namespace

std::chrono::nanoseconds ThreadTime() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

bool Share::used_up() const { return spent_ * kPart > kWindow; }

void Share::Begin(Deadline now) {
  began_ = now;
  if (now - window_ <= kWindow) return;
  window_ = now;
  spent_ = {};
  thread_at_window_ = thread_time_();
}

std::optional<Deadline> Share::End(Deadline now) {
  spent_ += kLoop * (now - began_);
  if (used_up()) spent_ = std::min<Duration>(spent_, thread_time_() - thread_at_window_);
  return used_up() ? std::optional(window_ + spent_ * kPart) : std::nullopt;
}

}  // namespace cradle::shim
