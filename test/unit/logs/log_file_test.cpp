#include "logs/log_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include "base/ids.h"
#include "base/sys/file.h"
#include "base/sys/mount.h"

namespace cradle::logs {
namespace {

constexpr std::string_view kTime = "2026-01-02T03:04:05.000000006Z";

std::string Record(Stream stream, char tag, const std::string& content) {
  return Cat(kTime, stream == Stream::kStdout ? " stdout " : " stderr ", std::string(1, tag), " ", content, "\n");
}
std::string Out(const std::string& content) { return Record(Stream::kStdout, 'F', content); }

class LogFileTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(sys::MakeDirs(dir_, 0755).ok()); }
  void TearDown() override {
    if (mounted_) {
      EXPECT_TRUE(sys::Umount(dir_, 0).ok());
    }
    EXPECT_TRUE(sys::RemoveTree(kCwd, dir_).ok());
  }
  // A file system of so many 4 KiB pages.
  void MountSmall(int pages) {
    std::string size = Cat("size=", std::to_string(pages * 4), "k");
    ASSERT_TRUE(sys::Mount("tmpfs", dir_, "tmpfs", 0, size).ok()) << "needs root";
    mounted_ = true;
  }
  void TakeSpace(int pages) {
    ASSERT_TRUE(sys::ReplaceFile(kCwd, dir_ + "/ballast", std::string(static_cast<size_t>(pages) * 4096, 'b'), 0600).ok());
  }
  void FreeSpace() { ASSERT_TRUE(sys::UnlinkAt(kCwd, dir_ + "/ballast", 0).ok()); }
  std::string Content(const std::string& path) { return sys::ReadFile(kCwd, path, 1 << 20).value(); }

  std::string dir_ = "/tmp/cradle-log-file-" + RandomHex64().substr(0, 12);
  std::string path_ = dir_ + "/0.log";
  bool mounted_ = false;
};

TEST_F(LogFileTest, IsMadeAtOnceForItsGroupToRead) {
  LogFile file = LogFile::Open(path_).value();
  auto info = sys::FstatAt(kCwd, path_, 0).value();
  EXPECT_EQ(info.st_mode & 07777, 0640u);
  EXPECT_EQ(info.st_size, 0);
}

TEST_F(LogFileTest, AppendsToWhatIsThere) {
  ASSERT_TRUE(sys::ReplaceFile(kCwd, path_, "old\n", 0640).ok());
  LogFile file = LogFile::Open(path_).value();
  file.Append(Stream::kStdout, Out("new"), kTime);
  EXPECT_EQ(Content(path_), "old\n" + Out("new"));
}

TEST_F(LogFileTest, FollowsNoLinkAndNoFifo) {
  ASSERT_TRUE(sys::SymlinkAt("/tmp/cradle-elsewhere", kCwd, path_).ok());
  EXPECT_EQ(LogFile::Open(path_).error().err(), ELOOP);
  ASSERT_TRUE(sys::MknodAt(kCwd, dir_ + "/fifo", S_IFIFO | 0600, 0).ok());
  EXPECT_FALSE(LogFile::Open(dir_ + "/fifo").ok());
  UniqueFd reader = sys::OpenAt(kCwd, dir_ + "/fifo", O_RDONLY | O_NONBLOCK).value();
  EXPECT_EQ(LogFile::Open(dir_ + "/fifo").error().code(), Code::kFailedPrecondition);
}

TEST_F(LogFileTest, AMissingDirectoryIsNamed) {
  auto opened = LogFile::Open(dir_ + "/no/0.log");
  EXPECT_EQ(opened.error().text(), "open " + dir_ + "/no/0.log: No such file or directory");
}

TEST_F(LogFileTest, WithoutAPathNothingIsCounted) {
  LogFile file = LogFile::Open("").value();
  file.Append(Stream::kStdout, Out("x"), kTime);
  EXPECT_EQ(file.lost(), 0u);
  EXPECT_TRUE(file.Reopen().ok());
}

TEST_F(LogFileTest, ReopenGoesOnInANewFile) {
  LogFile file = LogFile::Open(path_).value();
  file.Append(Stream::kStdout, Out("one"), kTime);
  ASSERT_TRUE(sys::RenameAt(kCwd, path_, kCwd, path_ + ".1").ok());
  ASSERT_TRUE(file.Reopen().ok());
  EXPECT_EQ(Content(path_), "");
  file.Append(Stream::kStdout, Out("two"), kTime);
  EXPECT_EQ(Content(path_ + ".1"), Out("one"));
  EXPECT_EQ(Content(path_), Out("two"));
}

TEST_F(LogFileTest, AReopenThatFailsLeavesTheOldFile) {
  std::string inner = dir_ + "/pod";
  ASSERT_TRUE(sys::MkdirAt(kCwd, inner, 0755).ok());
  LogFile file = LogFile::Open(inner + "/0.log").value();
  ASSERT_TRUE(sys::RenameAt(kCwd, inner, kCwd, dir_ + "/moved").ok());
  EXPECT_EQ(file.Reopen().error().code(), Code::kNotFound);
  EXPECT_FALSE(sys::Exists(kCwd, inner));
  file.Append(Stream::kStdout, Out("goes on"), kTime);
  EXPECT_EQ(Content(dir_ + "/moved/0.log"), Out("goes on"));
}

TEST_F(LogFileTest, AFullDiskLosesWholeRecordsAndSaysSo) {
  MountSmall(4);
  LogFile file = LogFile::Open(path_).value();
  file.Append(Stream::kStdout, Out("before"), kTime);
  TakeSpace(3);
  // The first page has room for the first of them and half of the second.
  std::string first(2000, '1'), torn(3000, '2'), lost(100, '3');
  file.Append(Stream::kStdout, Out(first) + Out(torn) + Out(lost), kTime);
  file.Append(Stream::kStderr, Record(Stream::kStderr, 'F', "lost too"), kTime);
  EXPECT_EQ(file.lost(), 101u + 9u);
  FreeSpace();
  file.Append(Stream::kStdout, Out("after"), kTime);
  EXPECT_EQ(Content(path_), Out("before") + Out(first) + Out(torn) +
                                Record(Stream::kStderr, 'F',
                                       "cradle: 110 bytes of output were lost: No space left on device") +
                                Out("after"));
  file.Append(Stream::kStdout, Out("more"), kTime);
  EXPECT_TRUE(Content(path_).ends_with(Out("after") + Out("more")));
  EXPECT_EQ(file.lost(), 110u);
}

TEST_F(LogFileTest, ALineWhoseEndWasLostIsClosedBeforeTheGap) {
  MountSmall(2);
  LogFile file = LogFile::Open(path_).value();
  file.Append(Stream::kStdout, Record(Stream::kStdout, 'P', "begin"), kTime);
  TakeSpace(1);
  file.Append(Stream::kStderr, Record(Stream::kStderr, 'F', std::string(4096 - 2 * kHeadSize - 7, 'f')), kTime);
  ASSERT_EQ(file.lost(), 0u) << "the page is exactly full now";
  file.Append(Stream::kStdout, Out("end"), kTime);
  EXPECT_EQ(file.lost(), 4u);
  FreeSpace();
  file.Settle(kTime);
  EXPECT_TRUE(Content(path_).ends_with(
      Out("") + Record(Stream::kStderr, 'F', "cradle: 4 bytes of output were lost: No space left on device")));
}

TEST_F(LogFileTest, AReopenFinishesATornRecordInItsOwnFile) {
  MountSmall(4);
  LogFile file = LogFile::Open(path_).value();
  TakeSpace(3);
  std::string torn(5000, 't');
  file.Append(Stream::kStdout, Out(torn), kTime);
  EXPECT_EQ(file.lost(), 0u);
  FreeSpace();
  ASSERT_TRUE(sys::RenameAt(kCwd, path_, kCwd, path_ + ".1").ok());
  ASSERT_TRUE(file.Reopen().ok());
  file.Append(Stream::kStdout, Out("new"), kTime);
  EXPECT_EQ(Content(path_ + ".1"), Out(torn));
  EXPECT_EQ(Content(path_), Out("new"));
}

}  // namespace
}  // namespace cradle::logs
