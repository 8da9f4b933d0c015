#include "cgroups/kept_files.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace cradle::cgroups {
namespace {

class KeptFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/kept_files.XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ + "/" + name) << text;
    return dir_ + "/" + name;
  }
  static size_t OpenFiles() {
    auto all = std::filesystem::directory_iterator("/proc/self/fd");
    return static_cast<size_t>(std::distance(begin(all), end(all)));
  }

  std::string dir_;
  KeptFiles files_;
};

TEST_F(KeptFilesTest, EachReadIsOfNow) {
  std::string path = Write("a", "one\n");
  EXPECT_EQ(files_.Text(path), "one\n");
  Write("a", "2\n");
  EXPECT_EQ(files_.Text(path), "2\n");
}

TEST_F(KeptFilesTest, LookingAgainKeepsWhatIsThere) {
  std::string path = Write("a", "kept\n");
  EXPECT_EQ(files_.Text(path), "kept\n");
  std::filesystem::remove(path);
  files_.LookAgain();
  EXPECT_EQ(files_.Text(path), "kept\n");
}

TEST_F(KeptFilesTest, AFileIsOpenedOnceUntilItIsLetGo) {
  std::string path = Write("a", "kept\n");
  EXPECT_EQ(files_.Text(path), "kept\n");
  std::filesystem::remove(path);
  EXPECT_EQ(files_.Text(path), "kept\n");
  files_.LetGo();
  EXPECT_EQ(files_.Text(path), "");
}

TEST_F(KeptFilesTest, WhatIsMissingIsLookedForAgain) {
  std::string path = dir_ + "/a";
  EXPECT_EQ(files_.Text(path), "");
  Write("a", "there\n");
  EXPECT_EQ(files_.Text(path), "");
  files_.LookAgain();
  EXPECT_EQ(files_.Text(path), "there\n");
}

// A process that does nothing: its files in /proc stay as they are until it dies.
class StillChild {
 public:
  StillChild() : pid_(::fork()) {
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) ::pause();
  }
  ~StillChild() { Die(); }
  void Die() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    EXPECT_EQ(::waitpid(std::exchange(pid_, 0), nullptr, 0) > 0, true);
  }
  std::string File(const char* name) const { return "/proc/" + std::to_string(pid_) + "/" + name; }

 private:
  pid_t pid_;
};

// A file of /proc dies as one of a cgroup does: every read of it is an error from then on.
TEST_F(KeptFilesTest, ADeadFileIsNotKept) {
  const size_t before = OpenFiles();
  StillChild child;
  const std::string path = child.File("statm");
  EXPECT_NE(files_.Text(path), "");
  EXPECT_EQ(OpenFiles(), before + 1);
  child.Die();
  EXPECT_EQ(files_.Text(path), "");
  EXPECT_EQ(OpenFiles(), before);
}

TEST_F(KeptFilesTest, LongTextsComeWhole) {
  std::string text;
  while (text.size() < 300'000) text += std::to_string(text.size()) + "\n";
  std::string path = Write("long", text);
  EXPECT_EQ(files_.Text(path), text);
  EXPECT_EQ(files_.List(path), text);
  EXPECT_EQ(files_.List(path), text);
}

// A list of mappings is made page by page.
TEST_F(KeptFilesTest, PiecesComeWhole) {
  constexpr size_t kPages = 400, kPage = 4096;
  char* pages = static_cast<char*>(::mmap(nullptr, kPages * kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(pages, MAP_FAILED);
  for (size_t i = 0; i < kPages; i += 2) ASSERT_EQ(::mprotect(pages + i * kPage, kPage, PROT_NONE), 0);
  StillChild child;
  ASSERT_EQ(::munmap(pages, kPages * kPage), 0);
  const std::string path = child.File("maps");
  std::ifstream file(path);
  const std::string maps(std::istreambuf_iterator<char>(file), {});
  EXPECT_GT(maps.size(), 4 * kPage);
  EXPECT_EQ(files_.List(path), maps);
  EXPECT_EQ(files_.List(path), maps);
}

TEST_F(KeptFilesTest, FewAreKept) {
  const size_t before = OpenFiles();
  for (int round = 0; round < 2; ++round)
    for (size_t i = 0; i < 2 * KeptFiles::kMost; ++i) {
      std::string name = std::to_string(i);
      EXPECT_EQ(files_.Text(Write(name, name)), name);
    }
  EXPECT_EQ(OpenFiles(), before + KeptFiles::kMost);
  files_.LetGo();
  EXPECT_EQ(OpenFiles(), before);
}

}  // namespace
}  // namespace cradle::cgroups
