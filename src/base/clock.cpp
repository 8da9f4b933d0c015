#include "base/clock.h"

#include <ctime>

namespace cradle {
namespace {

void AppendPadded(int64_t value, int digits, std::string& out) {
  char buffer[20];
  for (int i = digits - 1; i >= 0; --i, value /= 10) buffer[i] = static_cast<char>('0' + value % 10);
  out.append(buffer, static_cast<size_t>(digits));
}

}  // namespace

int MillisLeft(Deadline deadline) {
  auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  if (left < 0) return 0;
  return left > 1'000'000'000 ? 1'000'000'000 : static_cast<int>(left);
}

int64_t WallNanos() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void AppendRfc3339Nano(int64_t wall_nanos, std::string& out) {
  time_t secs = wall_nanos / 1'000'000'000;
  tm parts{};
  gmtime_r(&secs, &parts);
  AppendPadded(parts.tm_year + 1900, 4, out);
  out.push_back('-');
  AppendPadded(parts.tm_mon + 1, 2, out);
  out.push_back('-');
  AppendPadded(parts.tm_mday, 2, out);
  out.push_back('T');
  AppendPadded(parts.tm_hour, 2, out);
  out.push_back(':');
  AppendPadded(parts.tm_min, 2, out);
  out.push_back(':');
  AppendPadded(parts.tm_sec, 2, out);
  out.push_back('.');
  AppendPadded(wall_nanos % 1'000'000'000, 9, out);
  out.push_back('Z');
}

}  // namespace cradle
