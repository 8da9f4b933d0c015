#include "ctl/log_tail.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace cradle::ctl {
namespace {

LogFilter LastLines(int64_t lines) {
  LogFilter filter;
  filter.tail = lines;
  return filter;
}

class LogTailTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/ctl-test-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    dir_ = name;
    path_ = dir_ + "/0.log";
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  void Write(const std::string& text) { std::ofstream(path_, std::ios::app) << text; }
  // What the log prints from here on.
  std::string Opened(LogFilter filter) {
    testing::internal::CaptureStdout();
    auto log = LogTail::Open(path_, filter);
    EXPECT_TRUE(log.ok());
    if (log.ok()) log_.emplace(std::move(*log));
    return testing::internal::GetCapturedStdout();
  }
  std::string Drained() {
    testing::internal::CaptureStdout();
    EXPECT_TRUE(log_->Drain().ok());
    return testing::internal::GetCapturedStdout();
  }

  std::string dir_, path_;
  std::optional<LogTail> log_;
};

TEST_F(LogTailTest, PrintsWholeRecordsAndJoinsPartialOnes) {
  Write("T stdout P a\nT stdout F b\nT stdout F \nT std");
  EXPECT_EQ(Opened({}), "ab\n\n");
  EXPECT_EQ(Drained(), "");
  Write("out F c\n");
  EXPECT_EQ(Drained(), "c\n");
}

TEST_F(LogTailTest, KeepsTheStreamsApart) {
  Write("T stdout F out\nT stderr F err\nT stdout F again\n");
  testing::internal::CaptureStderr();
  EXPECT_EQ(Opened({}), "out\nagain\n");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "err\n");
}

TEST_F(LogTailTest, TailCountsLines) {
  Write("T stdout F 1\nT stdout F 2\nT stdout F 3\n");
  EXPECT_EQ(Opened(LastLines(2)), "2\n3\n");
  EXPECT_EQ(Opened(LastLines(0)), "");
  EXPECT_EQ(Opened(LastLines(3)), "1\n2\n3\n");
  EXPECT_EQ(Opened(LastLines(9)), "1\n2\n3\n");
  Write("T stdout F 4\n");
  EXPECT_EQ(Drained(), "4\n");
}

TEST_F(LogTailTest, SinceComparesTimes) {
  Write(
      "2026-01-01T00:00:00.000000000Z stdout F old\n2026-01-02T00:00:00.000000000Z stdout F new\n");
  LogFilter filter;
  filter.since = "2026-01-02";
  EXPECT_EQ(Opened(filter), "new\n");
  filter.timestamps = true;
  EXPECT_EQ(Opened(filter), "2026-01-02T00:00:00.000000000Z new\n");
}

TEST_F(LogTailTest, FollowsARotation) {
  Write("T stdout F 1\n");
  EXPECT_EQ(Opened({}), "1\n");
  Write("T stdout F 2\n");
  std::filesystem::rename(path_, path_ + ".old");
  Write("T stdout F 3\n");
  EXPECT_EQ(Drained(), "2\n3\n");
  EXPECT_EQ(Drained(), "");
}

}  // namespace
}  // namespace cradle::ctl
