#include "shim/share.h"

#include <gtest/gtest.h>

#include <ctime>
#include <thread>

namespace cradle::shim {
namespace {

using std::chrono::steady_clock;

// Until this thread has used so much of a processor, however long that takes.
void Work(std::chrono::microseconds time) {
  auto used = [] {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  };
  for (auto end = used() + time; used() < end;) {
  }
}

TEST(Share, WorkIsPaidForWithAPause) {
  Share share;
  Deadline began = steady_clock::now();
  share.Begin(began);
  Work(milliseconds(20));
  auto next = share.End();
  ASSERT_TRUE(next);
  EXPECT_GE(*next, began + milliseconds(100));
}

TEST(Share, WaitingIsNoWork) {
  Share share;
  share.Begin(steady_clock::now());
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_FALSE(share.End());
}

// Each piece is too short to be refused.
TEST(Share, ManyPiecesAreOneWork) {
  Share share;
  Deadline now = steady_clock::now();
  std::optional<Deadline> next;
  for (int piece = 0; !next && piece < 1000; ++piece) {
    share.Begin(now);  // one window
    Work(std::chrono::microseconds(100));
    next = share.End();
  }
  EXPECT_TRUE(next);
}

TEST(Share, ANewWindowBeginsWithNothingSpent) {
  Share share;
  Deadline now = steady_clock::now();
  share.Begin(now);
  Work(milliseconds(20));
  ASSERT_TRUE(share.End());
  share.Begin(steady_clock::now() + seconds(1));
  EXPECT_FALSE(share.End());
}

}  // namespace
}  // namespace cradle::shim
