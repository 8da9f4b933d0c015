#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/sys/file.h"
#include "base/sys/process.h"
#include "base/sys/socket.h"
#include "launch_fixture.h"

namespace cradle::shim {
namespace {

using PauseTest = LaunchTest;

std::string Namespace(pid_t pid, const std::string& name) {
  return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/ns/" + name).string();
}

// A line of proc(5)'s status.
std::string Status(pid_t pid, const std::string& name) {
  std::ifstream lines("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name + ":\t")) continue;
    line.erase(0, name.size() + 2);
    line.erase(line.find_last_not_of(' ') + 1);
    return line;
  }
  return "none";
}

// Repeats until it holds or half a minute has gone.
template <class F>
bool Eventually(F holds) {
  for (Deadline deadline = After(seconds(30)); MillisLeft(deadline) > 0; sched_yield())
    if (holds()) return true;
  return false;
}

bool Sleeps(pid_t pid) {
  return ReadText("/proc/" + std::to_string(pid) + "/syscall").starts_with(std::to_string(SYS_rt_sigtimedwait) + " ");
}

std::string Children(pid_t pid) {
  std::string number = std::to_string(pid);
  return ReadText("/proc/" + number + "/task/" + number + "/children");
}

TEST_F(PauseTest, OwnsTheNamespacesThatThePlanNames) {
  for (const char* name : {"net", "ipc", "uts", "pid_for_children", "mnt", "cgroup"})
    EXPECT_NE(Namespace(PausePid(), name), Namespace(getpid(), name)) << name;
}

TEST_F(PauseTest, StaysOutOfThePidNamespaceThatContainersSee) {
  EXPECT_EQ(Namespace(PausePid(), "pid"), Namespace(getpid(), "pid"));
  EXPECT_EQ(Namespace(FirstPid(), "pid"), Namespace(PausePid(), "pid_for_children"));
  EXPECT_EQ(Status(FirstPid(), "NSpid"), std::to_string(FirstPid()) + "\t1");
  container::LaunchPlan plan = Plan("grep -l cradle-pause /proc/[0-9]*/comm");
  plan.pid_mode = container::PidMode::kPod;
  EXPECT_EQ(Run(plan).out, "/proc/1/comm\n");
}

TEST_F(PauseTest, HasNoRights) {
  for (pid_t pid : {PausePid(), FirstPid()}) {
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
      EXPECT_EQ(Status(pid, set), "0000000000000000") << set;
    for (const char* ids : {"Uid", "Gid"}) EXPECT_EQ(Status(pid, ids), "65535\t65535\t65535\t65535");
    EXPECT_EQ(Status(pid, "Groups"), "");
    EXPECT_TRUE(Eventually([&] { return Status(pid, "NoNewPrivs") == "1" && Status(pid, "Seccomp") == "2"; }));
  }
}

// The host's root may do to it all that a container with CAP_SYS_PTRACE may.
TEST_F(PauseTest, WhatContainersSeeHasNothingToTake) {
  std::string first = "/proc/" + std::to_string(FirstPid());
  EXPECT_TRUE(std::filesystem::is_empty(first + "/fd"));
  EXPECT_TRUE(std::filesystem::is_empty(first + "/root"));
  EXPECT_EQ(ReadText(first + "/environ"), "");
  EXPECT_EQ(access((first + "/exe").c_str(), W_OK), -1);
  EXPECT_EQ(errno, EROFS);
}

#if defined(__x86_64__)
// Where the tracee stands behind a `syscall`: has it make that one, and returns what came back.
long CallIn(pid_t tracee, unsigned long number) {
  constexpr int kSize = 2;  // of the instruction
  user_regs_struct before{}, after{};
  EXPECT_EQ(ptrace(PTRACE_GETREGS, tracee, nullptr, &before), 0);
  user_regs_struct call = before;
  call.rip -= kSize;
  call.rax = number;
  call.orig_rax = ~0ull;  // nothing is restarted
  EXPECT_EQ(ptrace(PTRACE_SETREGS, tracee, nullptr, &call), 0);
  EXPECT_EQ(ptrace(PTRACE_SINGLESTEP, tracee, nullptr, nullptr), 0);
  EXPECT_EQ(waitpid(tracee, nullptr, __WALL), tracee);
  EXPECT_EQ(ptrace(PTRACE_GETREGS, tracee, nullptr, &after), 0);
  EXPECT_EQ(ptrace(PTRACE_SETREGS, tracee, nullptr, &before), 0);
  return static_cast<long>(after.rax);
}

TEST_F(PauseTest, ATracerMakesNothingOfIt) {
  pid_t first = FirstPid();
  ASSERT_TRUE(Eventually([&] { return Sleeps(first); }));
  ASSERT_EQ(ptrace(PTRACE_ATTACH, first, nullptr, nullptr), 0);
  ASSERT_EQ(waitpid(first, nullptr, __WALL), first);
  for (unsigned long number : {SYS_getuid, SYS_openat, SYS_execve, SYS_socket, SYS_clone, SYS_kill})
    EXPECT_EQ(CallIn(first, number), -EPERM) << number;
  EXPECT_EQ(ptrace(PTRACE_DETACH, first, nullptr, nullptr), 0);
  EXPECT_TRUE(Eventually([&] { return Sleeps(first); })) << "it goes on";
}
#endif

TEST_F(PauseTest, EndsWithTheFirstOfItsPidNamespace) {
  UniqueFd first = sys::PidfdOpen(FirstPid()).value();
  ASSERT_TRUE(sys::PidfdSendSignal(first, SIGKILL).ok());
  EXPECT_TRUE(Eventually([&] { return sys::PidfdExited(Pause()); }));
}

TEST_F(PauseTest, TheFirstOfItsPidNamespaceEndsWithIt) {
  UniqueFd first = sys::PidfdOpen(FirstPid()).value();
  ASSERT_TRUE(sys::PidfdSendSignal(Pause(), SIGKILL).ok());
  EXPECT_TRUE(Eventually([&] { return sys::PidfdExited(first); }));
}

// Killed where it has borne that one, which has done nothing yet: a frozen group holds it until it is traced.
TEST_F(PauseTest, TheFirstOfItsPidNamespaceEndsWithItFromItsBirth) {
  Group group = MakeGroup("birth");
  if (group.v2.empty()) GTEST_SKIP() << "needs cgroup v2";
  ASSERT_TRUE(sys::WriteControl(kCwd, group.v2 + "/cgroup.freeze", "1").ok());
  pause_plan.cgroup_v2 = group.v2;
  Running pause = StartPause(pause_plan);
  ASSERT_EQ(ptrace(PTRACE_SEIZE, pause.pid(), nullptr, PTRACE_O_TRACEFORK), 0);
  ASSERT_TRUE(sys::WriteControl(kCwd, group.v2 + "/cgroup.freeze", "0").ok());
  int status = 0;
  ASSERT_EQ(waitpid(pause.pid(), &status, __WALL), pause.pid());
  ASSERT_EQ(status >> 8, SIGTRAP | PTRACE_EVENT_FORK << 8);
  unsigned long born = 0;
  ASSERT_EQ(ptrace(PTRACE_GETEVENTMSG, pause.pid(), nullptr, &born), 0);
  auto pid = static_cast<pid_t>(born);
  ASSERT_EQ(waitpid(pid, &status, __WALL), pid);
  UniqueFd first = sys::PidfdOpen(pid).value();
  ASSERT_TRUE(sys::PidfdSendSignal(pause.pidfd(), SIGKILL).ok());
  ASSERT_EQ(waitpid(pause.pid(), &status, __WALL), pause.pid());
  EXPECT_EQ(ptrace(PTRACE_DETACH, pid, nullptr, nullptr), 0);
  EXPECT_TRUE(Eventually([&] { return sys::PidfdExited(first); }));
  (void)sys::PidfdSendSignal(first, SIGKILL);
}

TEST_F(PauseTest, LeavesTheOtherNamespacesToTheHost) {
  pause_plan.new_namespaces = CLONE_NEWIPC;
  for (const char* name : {"net", "uts", "pid"})
    EXPECT_EQ(Namespace(PausePid(), name), Namespace(getpid(), name)) << name;
  EXPECT_NE(Namespace(PausePid(), "ipc"), Namespace(getpid(), "ipc"));
}

TEST_F(PauseTest, ItsOnlyMountIsThePodsSharedMemory) {
  pause_plan.shm_bytes = 1 << 20;
  std::string mounts = ReadText("/proc/" + std::to_string(PausePid()) + "/mountinfo");
  EXPECT_EQ(std::count(mounts.begin(), mounts.end(), '\n'), 1) << mounts;
  EXPECT_TRUE(Contains(mounts, "/ / rw,nosuid,nodev,noexec")) << mounts;
  EXPECT_TRUE(Contains(mounts, "tmpfs")) << mounts;
  EXPECT_TRUE(Contains(mounts, "size=1024k")) << mounts;
}

TEST_F(PauseTest, NamesThePodAndSetsItsSysctls) {
  pause_plan.sysctls = {{"kernel.shm_rmid_forced", "1"},
                        {"net/ipv4/ip_unprivileged_port_start", "7"}};
  std::string host = ReadText("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  EXPECT_EQ(Output("hostname; cat /proc/sys/kernel/shm_rmid_forced "
                   "/proc/sys/net/ipv4/ip_unprivileged_port_start"),
            "the-pod\n1\n7\n");
  EXPECT_EQ(ReadText("/proc/sys/net/ipv4/ip_unprivileged_port_start"), host);
}

TEST_F(PauseTest, AnUnknownSysctlIsNamedInTheError) {
  pause_plan.sysctls = {{"net.ipv4.no_such_thing", "1"}};
  Running pause = StartPause(pause_plan);
  Report report = pause.Next();
  ASSERT_EQ(report.kind, Report::Kind::kFailed);
  EXPECT_EQ(report.error.text(),
            "set sysctl net/ipv4/no_such_thing to \"1\": No such file or directory");
  EXPECT_EQ(report.error.code(), Code::kInvalidArgument);
  EXPECT_EQ(pause.Finish().code, 127);
}

TEST_F(PauseTest, ASysctlCannotLeaveProcSys) {
  pause_plan.sysctls = {{"../sysrq-trigger", "h"}};
  Running pause = StartPause(pause_plan);
  EXPECT_EQ(pause.Next().kind, Report::Kind::kFailed);
}

TEST_F(PauseTest, JoinsItsGroups) {
  Group group = MakeGroup("pause");
  pause_plan.cgroup_join = group.v1;
  pause_plan.cgroup_v2 = group.v2;
  std::string cgroups = ReadText("/proc/" + std::to_string(PausePid()) + "/cgroup");
  std::string name = "-pause\n";
  size_t found = 0;
  for (size_t at = 0; (at = cgroups.find(name, at)) != std::string::npos; ++at) ++found;
  EXPECT_EQ(found, group.v1.size() + !group.v2.empty()) << cgroups;
}

TEST_F(PauseTest, ReapsOrphansOfASharedPidNamespace) {
  container::LaunchPlan plan = Plan("exec 3<&0; cat <&3 >/dev/null 2>&1 & exit 0");
  plan.pid_mode = container::PidMode::kPod;
  Running container = Launch(plan);
  ASSERT_EQ(container.Start(), "");
  // The shell is gone, its child lives: PID 1 of the namespace has it.
  ASSERT_TRUE(Eventually([&] { return !Children(FirstPid()).empty(); }));
  container.CloseStdin();
  EXPECT_TRUE(Eventually([&] { return Children(FirstPid()).empty(); }));
  EXPECT_EQ(container.Finish().code, 0);
}

TEST_F(PauseTest, EndsWhenTheHostAsks) {
  for (int signal : {SIGTERM, SIGINT}) {
    Running pause = StartPause(pause_plan);
    ASSERT_EQ(pause.Next().kind, Report::Kind::kReady);
    ASSERT_EQ(pause.Next().kind, Report::Kind::kExeced);
    ASSERT_TRUE(sys::PidfdSendSignal(pause.pidfd(), signal).ok());
    EXPECT_TRUE(Eventually([&] { return sys::PidfdExited(pause.pidfd()); }));
  }
}

TEST_F(PauseTest, AContainerCannotEndIt) {
  container::LaunchPlan plan = Plan("kill -TERM 1; kill -INT 1; kill -KILL 1; echo tried");
  plan.pid_mode = container::PidMode::kPod;
  EXPECT_EQ(Run(plan).out, "tried\n");
  EXPECT_TRUE(Eventually([&] { return Status(FirstPid(), "ShdPnd") == "0000000000000000"; }));
  EXPECT_FALSE(sys::PidfdExited(Pause()));
}

TEST_F(PauseTest, KeepsAnOutOfMemoryScoreThatItMayNotLower) {
  pause_plan.oom_score_adj = -1000;
  std::string score = ReadText("/proc/" + std::to_string(PausePid()) + "/oom_score_adj");
  EXPECT_TRUE(score == "-1000\n" || score == ReadText("/proc/self/oom_score_adj")) << score;
}

TEST_F(PauseTest, WithADescriptor3ItEndsWithAWriterThatSaidNothing) {
  for (bool spoke : {false, true}) {
    sys::Pipe pipe = sys::MakePipe().value();
    sys::SpawnOptions options;
    options.program = CRADLE_PAUSE;
    options.args = {"cradle-hold"};
    options.fds = {{pipe.read, 3}};
    sys::Child holder = sys::Spawn(options).value();
    pipe.read.Reset();
    if (spoke) { ASSERT_TRUE(sys::WriteAll(pipe.write, "+", 1).ok()); }
    pipe.write.Reset();
    if (spoke) {
      EXPECT_TRUE(Eventually([&] { return Sleeps(holder.pid); }));
      EXPECT_TRUE(sys::PidfdSendSignal(holder.pidfd, SIGKILL).ok());
    }
    EXPECT_EQ(sys::WaitPidfd(holder.pidfd, After(seconds(60))).value().signal, spoke ? SIGKILL : 0);
  }
}

}  // namespace
}  // namespace cradle::shim
