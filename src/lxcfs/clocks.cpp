#include "lxcfs/clocks.h"

#include <algorithm>
#include <cmath>

namespace cradle::lxcfs {
namespace {

constexpr double kMicros = 1e6;
constexpr double kSpanSeconds[LoadClock::kSpans] = {60, 300, 900};

}  // namespace

CpuClock::Times CpuClock::Look(uint64_t now, uint64_t cpus, uint64_t user, uint64_t system, uint64_t throttled) {
  capacity_ += now > now_ ? (now - now_) * cpus : 0;
  now_ = std::max(now_, now);
  Times next;
  next.user = std::max(last_.user, user);
  next.system = std::max(last_.system, system);
  uint64_t used = next.user + next.system;
  // Throttling is counted on each of the host's processors: no more of it than there is room for.
  uint64_t room = capacity_ > used + last_.idle ? capacity_ - used - last_.idle : 0;
  next.steal = std::max(last_.steal, std::min(throttled, room));
  uint64_t spent = used + next.steal;
  next.idle = std::max(last_.idle, capacity_ > spent ? capacity_ - spent : 0);
  last_ = next;
  return next;
}

const LoadClock::Averages& LoadClock::Look(uint64_t now, uint64_t busy) {
  if (now <= now_) return averages_;
  double span = static_cast<double>(now - now_);
  double tasks = busy > busy_ ? static_cast<double>(busy - busy_) / span : 0;
  for (int i = 0; i < kSpans; ++i) {
    double keep = std::exp(-span / kMicros / kSpanSeconds[i]);
    averages_.load[i] = averages_.load[i] * keep + tasks * (1 - keep);
  }
  averages_.current = tasks;
  now_ = now;
  busy_ = std::max(busy_, busy);
  return averages_;
}

}  // namespace cradle::lxcfs
