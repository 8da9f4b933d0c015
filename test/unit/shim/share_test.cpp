#include "shim/share.h"

#include <gtest/gtest.h>

namespace cradle::shim {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

// Both clocks stand still but for what a test says: where a virtual machine stands still, the real ones don't.
class ShareTest : public ::testing::Test {
 protected:
  ShareTest() { used_ = {}; }
  // A piece of work of so long, in which the thread used so much of a processor.
  std::optional<Deadline> Piece(microseconds passed, microseconds used) {
    share_.Begin(now_);
    now_ += passed;
    used_ += used;
    return share_.End(now_);
  }

  Deadline now_ = steady_clock::now();

 private:
  static std::chrono::nanoseconds Used() { return used_; }
  static inline std::chrono::nanoseconds used_;
  Share share_{Used};
};

TEST_F(ShareTest, WorkIsPaidForWithAPause) {
  Deadline began = now_;
  EXPECT_EQ(Piece(milliseconds(20), milliseconds(20)), began + milliseconds(100));
}

TEST_F(ShareTest, WaitingIsNoWork) { EXPECT_FALSE(Piece(milliseconds(50), microseconds(10))); }

TEST_F(ShareTest, OfAPieceIsPaidForWhatTheThreadUsed) {
  Deadline began = now_;
  EXPECT_EQ(Piece(milliseconds(50), milliseconds(3)), began + milliseconds(15));
}

// Each piece is too short to be refused, but in one window the eleventh is one too many: as much again goes to the loop.
TEST_F(ShareTest, ManyPiecesAreOneWork) {
  for (int piece = 0; piece < 10; ++piece) EXPECT_FALSE(Piece(microseconds(100), microseconds(200))) << piece;
  EXPECT_TRUE(Piece(microseconds(100), microseconds(200)));
}

TEST_F(ShareTest, ANewWindowBeginsWithNothingSpent) {
  ASSERT_TRUE(Piece(milliseconds(5), milliseconds(5)));
  now_ += seconds(1);
  EXPECT_FALSE(Piece(microseconds(100), microseconds(100)));
}

}  // namespace
}  // namespace cradle::shim
