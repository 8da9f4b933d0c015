#include "base/fd.h"

#include <gtest/gtest.h>

#include "base/sys/socket.h"

namespace cradle {
namespace {

// End of file at the read end tells that the write end is closed.
bool WriteEndClosed(const sys::Pipe& pipe) { return sys::PollReadable(pipe.read, After(milliseconds(0))).value(); }

TEST(UniqueFd, MovingOverALiveValueClosesIt) {
  auto first = sys::MakePipe().value(), second = sys::MakePipe().value();
  UniqueFd held = std::move(first.write);
  held = std::move(second.write);
  EXPECT_TRUE(WriteEndClosed(first));
  EXPECT_FALSE(WriteEndClosed(second));
}

TEST(UniqueFd, SelfMoveKeepsIt) {
  auto pipe = sys::MakePipe().value();
  UniqueFd& same = pipe.write;
  pipe.write = std::move(same);
  EXPECT_TRUE(pipe.write.valid());
  EXPECT_FALSE(WriteEndClosed(pipe));
}

TEST(UniqueFd, MovedFromOwnsNothing) {
  auto pipe = sys::MakePipe().value();
  { UniqueFd taken = std::move(pipe.write); }
  EXPECT_FALSE(pipe.write.valid());
  EXPECT_TRUE(WriteEndClosed(pipe));
}

}  // namespace
}  // namespace cradle
