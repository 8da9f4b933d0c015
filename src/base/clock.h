// Times. Wall clock times are nanoseconds since the epoch, as CRI wants them; deadlines are steady-clock points.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace cradle {

using Deadline = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;
using std::chrono::seconds;

inline Deadline After(milliseconds duration) { return std::chrono::steady_clock::now() + duration; }
// Milliseconds left, never below 0, for poll(2).
int MillisLeft(Deadline deadline);

// CLOCK_REALTIME in nanoseconds.
int64_t WallNanos();
// "2026-01-02T03:04:05.000000006Z": RFC 3339, UTC, always nine digits. Appends exactly 30 bytes.
void AppendRfc3339Nano(int64_t wall_nanos, std::string& out);

}  // namespace cradle
