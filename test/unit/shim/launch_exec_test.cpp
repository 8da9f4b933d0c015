#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "base/sys/file.h"
#include "launch_fixture.h"

namespace cradle::shim {
namespace {

class ExecTest : public LaunchTest {
 protected:
  // A container that is up and stays.
  Running& Up() {
    if (!up_) {
      up_ = Launch(Plan("hostname >/name; echo up; cat"));
      EXPECT_EQ(up_->Start(), "");
      EXPECT_EQ(up_->ReadLine(), "up\n");
    }
    return *up_;
  }
  Finished Exec(const container::ExecPlan& plan) { return LaunchIn(plan, Up().pidfd()).Finish(); }
  void TearDown() override {
    up_.reset();
    LaunchTest::TearDown();
  }

 private:
  std::optional<Running> up_;
};

TEST_F(ExecTest, RunsInTheContainersNamespaces) {
  Finished finished =
      Exec(ExecOf("for n in mnt pid net ipc uts cgroup; do test $(readlink /proc/self/ns/$n) = "
                  "$(readlink /proc/1/ns/$n) && echo $n; done; cat /name; exit 3"));
  EXPECT_EQ(finished.failure, "");
  EXPECT_EQ(finished.out, "mnt\npid\nnet\nipc\nuts\ncgroup\nthe-pod\n");
  EXPECT_EQ(finished.code, 3);
}

TEST_F(ExecTest, NeedsNobodyAtItsGate) {
  Running exec = LaunchIn(ExecOf("echo through"), Up().pidfd());
  EXPECT_EQ(exec.Next().kind, Report::Kind::kReady);
  EXPECT_EQ(exec.Next().kind, Report::Kind::kExeced);
  EXPECT_EQ(exec.Finish().out, "through\n");
}

TEST_F(ExecTest, IsTheContainersUserWithItsHome) {
  container::ExecPlan plan =
      ExecOf("id -u; id -g; id -G; echo $HOME; grep CapEff /proc/self/status");
  plan.process.resolved = container::ResolvedUser{1000, 1001, {44, 1001}};
  EXPECT_EQ(Exec(plan).out, "1000\n1001\n1001 44\n/home/bob\nCapEff:\t0000000000000000\n");
}

TEST_F(ExecTest, ItsWorkingDirectoryMustBeThere) {
  container::ExecPlan plan = ExecOf("pwd");
  plan.process.cwd = "/etc";
  EXPECT_EQ(Exec(plan).out, "/etc\n");
  plan.process.cwd = "/no/such";
  Finished finished = Exec(plan);
  EXPECT_EQ(finished.failure, "working directory \"/no/such\": No such file or directory");
  EXPECT_EQ(finished.failure_code, Code::kInvalidArgument);
  EXPECT_EQ(finished.code, 127);
}

TEST_F(ExecTest, NoDescriptorLeadsOutOfTheRoot) {
  for (int fd = 0; fd < 16; ++fd) {
    container::ExecPlan plan = ExecOf("test . -ef / && echo root");
    plan.process.cwd = "/proc/self/fd/" + std::to_string(fd);
    Finished finished = Exec(plan);
    EXPECT_TRUE(!finished.failure.empty() || finished.out == "root\n")
        << fd << " gave " << finished.out;
  }
}

TEST_F(ExecTest, WhatIsMissingIsToldAtOnce) {
  container::ExecPlan plan = ExecOf("");
  plan.process.args = {"missing"};
  Finished finished = Exec(plan);
  EXPECT_EQ(finished.failure, "exec: \"missing\": executable file not found in $PATH");
  EXPECT_EQ(finished.failure_code, Code::kNotFound);
}

TEST_F(ExecTest, HasATerminalOfTheContainersDevpts) {
  container::ExecPlan plan = ExecOf("tty; read x; echo got $x");
  plan.process.terminal = true;
  Running exec = LaunchIn(plan, Up().pidfd());
  ASSERT_EQ(exec.Next().kind, Report::Kind::kReady);
  EXPECT_EQ(exec.ReadLine(), "/dev/pts/0\r\n");
  exec.Say("word\n");
  EXPECT_EQ(exec.ReadLine(), "word\r\n");
  EXPECT_EQ(exec.ReadLine(), "got word\r\n");
  EXPECT_EQ(exec.Finish().code, 0);
}

TEST_F(ExecTest, JoinsTheContainersGroupsAndItsOwn) {
  Group group = MakeGroup("exec");
  container::ExecPlan plan = ExecOf("echo in; cat");
  plan.cgroup_join = group.v1;
  plan.cgroup_v2 = group.v2;
  Running exec = LaunchIn(plan, Up().pidfd());
  EXPECT_EQ(exec.ReadLine(), "in\n");
  std::string pid = std::to_string(exec.pid()) + "\n";
  for (const std::string& path : group.v1)
    EXPECT_TRUE(Contains(ReadText(path + "/cgroup.procs"), pid));
  EXPECT_TRUE(Contains(ReadText(group.v2 + "/cgroup.procs"), pid));
}

TEST_F(ExecTest, AContainerThatHasEndedIsNotRunning) {
  ASSERT_TRUE(sys::PidfdSendSignal(Up().pidfd(), SIGKILL).ok());
  Deadline deadline = After(seconds(30));
  while (!sys::PidfdExited(Up().pidfd()) && MillisLeft(deadline) > 0) sched_yield();
  Result<Launched> launched = LaunchExec(ExecOf("true"), Up().pidfd(), Stdio());
  ASSERT_FALSE(launched.ok());
  EXPECT_EQ(launched.error().code(), Code::kFailedPrecondition);
}

TEST_F(ExecTest, NeedsAResolvedUser) {
  container::ExecPlan plan = ExecOf("true");
  plan.process.resolved.reset();
  Result<Launched> launched = LaunchExec(plan, Up().pidfd(), Stdio());
  ASSERT_FALSE(launched.ok());
  EXPECT_EQ(launched.error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace cradle::shim
