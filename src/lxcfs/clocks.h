// What can't be told from one look at the kernel's counters: idle time and load averages, which are sums over a
// container's life. Each look adds what has passed since the last one, in closed form: nothing runs between looks.
// Plain state; microseconds.
#pragma once

#include <cstdint>

namespace cradle::lxcfs {

// The container's processor time: used, wanted but not given (throttled), idle. They never step back, and grow together
// as fast as its processors do.
class CpuClock {
 public:
  struct Times {
    uint64_t user = 0, system = 0, steal = 0, idle = 0;
  };
  // `now`: since the container began. `cpus`: how many it is shown.
  Times Look(uint64_t now, uint64_t cpus, uint64_t user, uint64_t system, uint64_t throttled);

 private:
  uint64_t now_ = 0;
  uint64_t capacity_ = 0;
  Times last_;
};

// Load: how many tasks ran, waited for a processor or for a disk, decayed over 1, 5 and 15 minutes (kernel/sched/loadavg.c).
// From counters: time used, and the time in which at least one task waited (PSI "some"); so where many wait at
// once it is lower than the kernel's would be.
class LoadClock {
 public:
  static constexpr int kSpans = 3;
  struct Averages {
    double load[kSpans] = {};
    double current = 0;  // since the last look
  };
  // `busy`: all of that time so far.
  const Averages& Look(uint64_t now, uint64_t busy);

 private:
  uint64_t now_ = 0, busy_ = 0;
  Averages averages_;
};

}  // namespace cradle::lxcfs
