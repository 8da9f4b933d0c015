#include "lxcfs/snapshots.h"

#include <gtest/gtest.h>

namespace cradle::lxcfs {
namespace {

using std::chrono::milliseconds;

class SnapshotsTest : public ::testing::Test {
 protected:
  std::string Read(File file, uint64_t handle, uint64_t offset) {
    return std::string(snapshots_.Read(file, handle, offset, now_, [this](File) {
      ++rendered_;
      return "text " + std::to_string(rendered_);
    }));
  }
  size_t Size(File file) {
    return snapshots_.Size(file, now_, [this](File) { return std::string(static_cast<size_t>(++rendered_), 'x'); });
  }
  void Pass(int ms) { now_ += milliseconds(ms); }

  Snapshots snapshots_;
  Snapshots::Time now_{std::chrono::hours(1)};
  int rendered_ = 0;
};

TEST_F(SnapshotsTest, ReadersWithinTenMillisecondsShareOneText) {
  EXPECT_EQ(Read(File::kStat, 1, 0), "text 1");
  EXPECT_EQ(Read(File::kStat, 2, 0), "text 1");
  Pass(10);
  EXPECT_EQ(Read(File::kStat, 3, 0), "text 1");
  Pass(1);
  EXPECT_EQ(Read(File::kStat, 4, 0), "text 2");
  EXPECT_EQ(Read(File::kMeminfo, 5, 0), "text 3");
}

TEST_F(SnapshotsTest, AReaderGoesOnInTheTextItBeganWith) {
  EXPECT_EQ(Read(File::kStat, 1, 0), "text 1");
  Pass(50);
  EXPECT_EQ(Read(File::kStat, 2, 0), "text 2");
  EXPECT_EQ(Read(File::kStat, 1, 5), "1");
  EXPECT_EQ(Read(File::kStat, 2, 5), "2");
  EXPECT_EQ(Read(File::kStat, 1, 6), "");
  EXPECT_EQ(Read(File::kStat, 1, 1000), "");
  EXPECT_EQ(rendered_, 2);
}

TEST_F(SnapshotsTest, FromTheBeginningAgainItIsFresh) {
  EXPECT_EQ(Read(File::kStat, 1, 0), "text 1");
  Pass(50);
  EXPECT_EQ(Read(File::kStat, 1, 0), "text 2");
  EXPECT_EQ(Read(File::kStat, 1, 5), "2");
}

TEST_F(SnapshotsTest, AClosedReadersTextServesTheNext) {
  Read(File::kStat, 1, 0);
  snapshots_.Close(1);
  EXPECT_EQ(Read(File::kStat, 2, 0), "text 1");
  EXPECT_EQ(Read(File::kStat, 2, 5), "1");
}

TEST_F(SnapshotsTest, ManyOpenReadersPushOutTheOldestOnly) {
  for (uint64_t handle = 1; handle <= 100; ++handle) {
    Pass(20);
    Read(File::kStat, handle, 0);
  }
  EXPECT_EQ(Read(File::kStat, 100, 5), "100");
  EXPECT_EQ(Read(File::kStat, 90, 5), "90");
  EXPECT_EQ(Read(File::kStat, 1, 5), "100");  // pushed out: the newest
  EXPECT_EQ(rendered_, 100);
}

TEST_F(SnapshotsTest, ASizeIsThatOfTheTextReadNext) {
  EXPECT_EQ(Size(File::kStat), 1u);
  Pass(10);
  EXPECT_EQ(Read(File::kStat, 1, 0), "x");
  EXPECT_EQ(Size(File::kStat), 1u);
  Pass(1);
  EXPECT_EQ(Size(File::kStat), 2u);
  EXPECT_EQ(Read(File::kStat, 2, 0), "xx");
  EXPECT_EQ(Read(File::kStat, 1, 0), "xx");
  EXPECT_EQ(rendered_, 2);
}

TEST_F(SnapshotsTest, SizesLeaveReadersTheirTexts) {
  EXPECT_EQ(Read(File::kStat, 1, 0), "text 1");
  for (int i = 0; i < 100; ++i) {
    Pass(20);
    Size(File::kStat);
  }
  EXPECT_EQ(Read(File::kStat, 1, 5), "1");
}

TEST_F(SnapshotsTest, AfterARestEverythingIsMadeAgain) {
  Read(File::kStat, 1, 0);
  snapshots_.Clear();
  EXPECT_EQ(Read(File::kStat, 1, 5), "2");
}

}  // namespace
}  // namespace cradle::lxcfs
