#include "base/sys/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "base/ids.h"

namespace cradle::sys {
namespace {

class SysFile : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = "/tmp/cradle-sys-file-" + RandomHex64().substr(0, 12);
    ASSERT_TRUE(MakeDirs(path_, 0700).ok());
    dir_ = OpenAt(kCwd, path_, O_RDONLY | O_DIRECTORY).value();
  }
  void TearDown() override { EXPECT_TRUE(RemoveTree(kCwd, path_).ok()); }

  std::string path_;
  UniqueFd dir_;
};

TEST_F(SysFile, ReplaceFileLeavesOneFileWithTheNewContent) {
  ASSERT_TRUE(ReplaceFile(dir_, "record", "old and longer", 0600).ok());
  ASSERT_TRUE(ReplaceFile(dir_, "record", "new", 0600).ok());
  EXPECT_EQ(ReadFile(dir_, "record", 100).value(), "new");
  EXPECT_EQ(ListDir(dir_).value(), std::vector<std::string>{"record"});
}

TEST_F(SysFile, ReadFileRefusesMoreThanItsLimit) {
  ASSERT_TRUE(ReplaceFile(dir_, "f", std::string(10'000, 'x'), 0600).ok());
  EXPECT_EQ(ReadFile(dir_, "f", 10'000).value().size(), 10'000u);
  EXPECT_EQ(ReadFile(dir_, "f", 9'999).error().code(), Code::kOutOfRange);
}

TEST_F(SysFile, OpenInRootKeepsAbsoluteLinksAndDotDotInside) {
  ASSERT_TRUE(MkdirAt(dir_, "etc", 0755).ok());
  ASSERT_TRUE(ReplaceFile(dir_, "etc/passwd", "inside", 0600).ok());
  ASSERT_TRUE(SymlinkAt("/etc/passwd", dir_, "absolute").ok());
  ASSERT_TRUE(SymlinkAt("../../../../etc/passwd", dir_, "upwards").ok());
  for (const char* name : {"absolute", "upwards", "../../etc/passwd"}) {
    auto fd = OpenInRoot(dir_, name, O_RDONLY);
    ASSERT_TRUE(fd.ok()) << name << ": " << fd.error().text();
    EXPECT_EQ(ReadAll(*fd, 100).value(), "inside") << name;
  }
  EXPECT_EQ(OpenBeneath(dir_, "absolute", O_RDONLY).error().err(), ELOOP);
  EXPECT_EQ(OpenBeneath(dir_, "../x", O_RDONLY).error().err(), EXDEV);
}

TEST_F(SysFile, RemoveTreeDoesNotFollowLinks) {
  ASSERT_TRUE(MakeDirs(path_ + "/tree/deep/er", 0700).ok());
  ASSERT_TRUE(ReplaceFile(dir_, "kept", "x", 0600).ok());
  ASSERT_TRUE(SymlinkAt(path_, dir_, "tree/deep/link").ok());
  ASSERT_TRUE(RemoveTree(dir_, "tree").ok());
  EXPECT_FALSE(Exists(dir_, "tree"));
  EXPECT_TRUE(Exists(dir_, "kept"));
  EXPECT_TRUE(RemoveTree(dir_, "tree").ok());  // gone already
}

TEST_F(SysFile, MemfdCanNotBeChangedAndUnsealedIsRefused) {
  UniqueFd fd = SealedMemfd("plan", "content").value();
  EXPECT_EQ(Write(fd, "x", 1).error().err(), EPERM);
  EXPECT_EQ(ReadSealedMemfd(fd, 100).value(), "content");
  EXPECT_EQ(ReadSealedMemfd(fd, 3).error().code(), Code::kOutOfRange);
  UniqueFd plain = OpenAt(dir_, "plain", O_RDWR | O_CREAT, 0600).value();
  EXPECT_FALSE(ReadSealedMemfd(plain, 100).ok());
}

TEST_F(SysFile, EveryDescriptorClosesOnExec) {
  UniqueFd fd = OpenAt(dir_, ".", O_RDONLY | O_DIRECTORY).value();
  EXPECT_TRUE(fcntl(fd.get(), F_GETFD) & FD_CLOEXEC);
  UniqueFd beneath = OpenInRoot(dir_, ".", O_RDONLY | O_DIRECTORY).value();
  EXPECT_TRUE(fcntl(beneath.get(), F_GETFD) & FD_CLOEXEC);
}

}  // namespace
}  // namespace cradle::sys
