#include "base/sys/process.h"

#include <gtest/gtest.h>
#include <fcntl.h>
#include <sys/prctl.h>

#include "base/sys/file.h"
#include "base/sys/socket.h"

namespace cradle::sys {
namespace {

SpawnOptions Shell(const std::string& script) {
  SpawnOptions options;
  options.program = "/bin/sh";
  options.args = {"sh", "-c", script};
  options.env = {"PATH=/usr/bin:/bin"};
  return options;
}

TEST(Spawn, GivesTheExitCodeAndTheSignal) {
  Child child = Spawn(Shell("exit 42")).value();
  EXPECT_EQ(WaitPidfd(child.pidfd, After(seconds(20))).value().code, 42);
  child = Spawn(Shell("kill -TERM $$")).value();
  EXPECT_EQ(WaitPidfd(child.pidfd, After(seconds(20))).value().signal, SIGTERM);
}

TEST(Spawn, MissingProgramIsAnError) {
  SpawnOptions options = Shell("true");
  options.program = "/nonexistent";
  EXPECT_EQ(Spawn(options).error().code(), Code::kNotFound);
}

TEST(Spawn, ChildHasTheNamedDescriptorsAndNoOther) {
  Pipe pipe = MakePipe().value();
  SpawnOptions options = Shell("ls /proc/self/fd | tr '\\n' ' '");
  options.fds = {{pipe.write, 1}, {pipe.read, 5}};
  Child child = Spawn(options).value();
  pipe.write.Reset();
  // 3 is ls's own, of the directory.
  EXPECT_EQ(ReadAll(pipe.read, 1000).value(), "0 1 2 3 5 ");
  EXPECT_EQ(WaitPidfd(child.pidfd, After(seconds(20))).value().code, 0);
}

TEST(Spawn, SwappedDescriptorsLandWhereTheyShould) {
  Pipe pipe = MakePipe().value();
  UniqueFd null = OpenAt(kCwd, "/dev/null", O_RDWR).value();
  SpawnOptions options = Shell("echo one; echo two >&4");
  options.fds = {{null, 1}, {pipe.write, 4}};
  Child child = Spawn(options).value();
  pipe.write.Reset();
  EXPECT_EQ(ReadAll(pipe.read, 1000).value(), "two\n");
  EXPECT_EQ(WaitPidfd(child.pidfd, After(seconds(20))).value().code, 0);
}

TEST(Spawn, DeadlineLeavesTheProcessToItsOwner) {
  SpawnOptions options = Shell("sleep 1000 & sleep 1000");
  options.new_group = true;
  Child child = Spawn(options).value();
  EXPECT_EQ(WaitPidfd(child.pidfd, After(milliseconds(1))).error().code(), Code::kDeadlineExceeded);
  ASSERT_TRUE(KillGroup(child.pid, SIGKILL).ok());
  EXPECT_EQ(WaitPidfd(child.pidfd, After(seconds(20))).value().signal, SIGKILL);
  EXPECT_FALSE(KillGroup(1, SIGKILL).ok());
  EXPECT_FALSE(KillGroup(0, SIGKILL).ok());
}

// The other way to start a program: born in a group of the v2 tree.
class SpawnIntoCgroup : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* tree : {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"})
      if (Exists(kCwd, std::string(tree) + "/cgroup.subtree_control")) tree_ = tree;
    if (tree_.empty()) GTEST_SKIP() << "no cgroup v2 tree on this machine";
    name_ = "/cradle-test-spawn-" + std::to_string(Getpid());
    ASSERT_TRUE(MakeDirs(tree_ + name_, 0755).ok());
    group_ = OpenAt(kCwd, tree_ + name_, O_PATH | O_DIRECTORY).value();
  }
  void TearDown() override {
    if (name_.empty()) return;
    // Who was reaped may still be leaving.
    Result<> gone;
    for (Deadline end = After(seconds(20)); std::chrono::steady_clock::now() < end;)
      if ((gone = UnlinkAt(kCwd, tree_ + name_, AT_REMOVEDIR)).ok() || gone.error().err() != EBUSY) break;
    EXPECT_TRUE(gone.ok()) << gone.error().text();
  }

  std::string tree_, name_;
  UniqueFd group_;
};

TEST_F(SpawnIntoCgroup, ProgramIsBornThereWithTheNamedDescriptorsOnly) {
  Pipe pipe = MakePipe().value();
  SpawnOptions options = Shell("grep ^0:: /proc/self/cgroup; ls /proc/self/fd | tr '\\n' ' '; kill -TERM $$");
  options.fds = {{pipe.write, 1}, {pipe.read, 5}};
  options.cgroup = group_;
  IgnoreSignal(SIGTERM);  // of the parent alone: the program has the default again
  Child child = Spawn(options).value();
  pipe.write.Reset();
  EXPECT_TRUE(child.in_cgroup);
  EXPECT_EQ(ReadAll(pipe.read, 1000).value(), "0::" + name_ + "\n0 1 2 3 5 ");
  EXPECT_EQ(WaitPidfd(child.pidfd, After(seconds(20))).value().signal, SIGTERM);
}

TEST_F(SpawnIntoCgroup, MissingProgramIsAnErrorAndLeavesNobody) {
  SpawnOptions options = Shell("true");
  options.program = "/nonexistent";
  options.cgroup = group_;
  EXPECT_EQ(Spawn(options).error().code(), Code::kNotFound);
  EXPECT_EQ(ReapAny().value().pid, 0);
}

TEST(ReapStrangers, TakesOrphansAndLeavesSpawnedChildren) {
  ASSERT_TRUE(SetChildSubreaper().ok());
  Pipe pipe = MakePipe().value();
  // The grandchild outlives its parent, tells its parent's end and dies: it becomes ours.
  SpawnOptions options = Shell("(while [ -d /proc/$$ ]; do :; done; echo orphan) & exit 3");
  options.fds = {{pipe.write, 1}};
  Child child = Spawn(options).value();
  pipe.write.Reset();
  ASSERT_TRUE(PollReadable(child.pidfd.ref(), After(seconds(20))).value());
  EXPECT_EQ(ReapStrangers(), 0);  // the child is dead, but it is ours to wait for
  EXPECT_EQ(WaitPidfd(child.pidfd, After(seconds(20))).value().code, 3);
  EXPECT_EQ(ReadAll(pipe.read, 100).value(), "orphan\n");
  int reaped = 0;
  for (Deadline end = After(seconds(20)); reaped == 0 && std::chrono::steady_clock::now() < end;)
    reaped = ReapStrangers();
  EXPECT_EQ(reaped, 1);
  EXPECT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 0), 0);  // other tests' orphans are init's again
}

}  // namespace
}  // namespace cradle::sys
