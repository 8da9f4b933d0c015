#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "launch_fixture.h"

namespace cradle::shim {
namespace {

using ContainerTest = LaunchTest;
using container::PidMode;

std::string Namespace(pid_t pid, const std::string& name) {
  return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/ns/" + name).string();
}

// mkdir answers EPERM, everything else passes.
std::string NoMkdir() {
  const sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
#ifdef SYS_mkdir
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 2, 0),
#else
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdirat, 2, 0),
#endif
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdirat, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
  };
  return std::string(reinterpret_cast<const char*>(code), sizeof code);
}

TEST_F(ContainerTest, RunsAndItsExitCodeComesBack) {
  Finished finished = Run(Plan("echo hello; echo there >&2; exit 42"));
  EXPECT_EQ(finished.failure, "");
  EXPECT_EQ(finished.out, "hello\nthere\n");
  EXPECT_EQ(finished.code, 42);
}

TEST_F(ContainerTest, WaitsAtTheGate) {
  Running container = Launch(Plan("echo late"));
  ASSERT_EQ(container.Next().kind, Report::Kind::kReady);
  // Still the launcher's program, not busybox.
  EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(container.pid()) + "/exe"),
            std::filesystem::read_symlink("/proc/self/exe"));
  EXPECT_EQ(container.Finish().out, "late\n");
}

TEST_F(ContainerTest, EndsWhenTheGateIsClosedForGood) {
  Running container = Launch(Plan("echo never"));
  ASSERT_EQ(container.Next().kind, Report::Kind::kReady);
  container.CloseGate();
  EXPECT_EQ(container.Next().kind, Report::Kind::kExeced);
  Finished finished = container.Finish();
  EXPECT_EQ(finished.out, "");
  EXPECT_EQ(finished.code, 127);
}

TEST_F(ContainerTest, HoldsNothingOfTheShimAtItsGate) {
  sys::Pipe other = std::move(*sys::MakePipe());
  Running container = Launch(Plan("true"));
  ASSERT_EQ(container.Next().kind, Report::Kind::kReady);
  // A descriptor kept by a waiting child would keep this pipe open.
  other.write.Reset();
  char byte;
  Result<size_t> got = sys::Read(other.read, &byte, 1);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(*got, 0u);
  std::string fds;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(container.pid()) + "/fd"))
    fds += std::filesystem::read_symlink(entry.path()).string() + "\n";
  EXPECT_FALSE(Contains(fds, dir())) << fds;
  EXPECT_EQ(container.Finish().code, 0);
}

TEST_F(ContainerTest, ItsProgramStartsWithThreeDescriptors) {
  EXPECT_EQ(Output("ls /proc/self/fd | wc -l"), "4\n");  // and the directory that ls reads
}

TEST_F(ContainerTest, GetsExactlyItsEnvironmentAndAHome) {
  container::LaunchPlan plan = Plan("");
  plan.process.args = {"env"};
  plan.process.env = {"PATH=/bin", "A=1", "EMPTY="};
  EXPECT_EQ(Run(plan).out, "PATH=/bin\nA=1\nEMPTY=\nHOME=/root\n");
}

TEST_F(ContainerTest, AHomeThatIsSetStays) {
  container::LaunchPlan plan = Plan("echo $HOME");
  plan.process.env.push_back("HOME=/elsewhere");
  EXPECT_EQ(Run(plan).out, "/elsewhere\n");
}

TEST_F(ContainerTest, MakesItsWorkingDirectoryAndVolumes) {
  container::LaunchPlan plan = Plan("pwd; test -d /a/volume && echo there");
  plan.process.cwd = "/deep/below/here";
  plan.volume_dirs = {"/a/volume"};
  EXPECT_EQ(Run(plan).out, "/deep/below/here\nthere\n");
}

TEST_F(ContainerTest, AWorkingDirectoryByDescriptorIsRefused) {
  for (int fd = 0; fd < 32; ++fd) {
    container::LaunchPlan plan = Plan("pwd; ls");
    plan.process.cwd = "/proc/self/fd/" + std::to_string(fd);
    Finished finished = Run(plan);
    EXPECT_NE(finished.failure, "") << fd << " gave " << finished.out;
    EXPECT_EQ(finished.code, 127);
  }
}

TEST_F(ContainerTest, AWorkingDirectoryThatIsAFileIsAnError) {
  container::LaunchPlan plan = Plan("pwd");
  plan.process.cwd = "/etc/passwd";
  Finished finished = Run(plan);
  EXPECT_EQ(finished.failure, "working directory \"/etc/passwd\": Not a directory");
  EXPECT_EQ(finished.failure_code, Code::kInvalidArgument);
}

TEST_F(ContainerTest, CapabilitiesAreThoseOfThePlan) {
  std::string status = Output("grep Cap /proc/self/status");
  EXPECT_EQ(status,
            "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\n"
            "CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\n");
}

TEST_F(ContainerTest, AmbientCapabilitiesReachAUserWhoIsNotRoot) {
  container::LaunchPlan plan = Plan("grep Cap /proc/self/status");
  uint64_t bind = 1 << 10;  // CAP_NET_BIND_SERVICE
  container::ProcessPlan& process = plan.process;
  process.user.user = "1000";
  process.caps_inheritable = process.caps_ambient = bind;
  EXPECT_EQ(Run(plan).out,
            "CapInh:\t0000000000000400\nCapPrm:\t0000000000000400\nCapEff:\t0000000000000400\n"
            "CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000400\n");
}

TEST_F(ContainerTest, AllCapabilitiesAreAllThatTheShimHas) {
  container::LaunchPlan plan = Plan("grep CapEff /proc/self/status");
  container::ProcessPlan& process = plan.process;
  process.caps_bounding = process.caps_permitted = process.caps_effective = kAllCaps;
  std::string own = ReadText("/proc/self/status");
  std::string line =
      own.substr(own.find("CapEff"), std::string("CapEff:\t0000000000000000\n").size());
  EXPECT_EQ(Run(plan).out, line);
}

TEST_F(ContainerTest, NoNewPrivilegesAndSeccompAreOn) {
  for (bool no_new_privs : {true, false}) {
    container::LaunchPlan plan =
        Plan("grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status; mkdir /x");
    plan.process.no_new_privs = no_new_privs;
    plan.process.seccomp_bpf = NoMkdir();
    Finished finished = Run(plan);
    EXPECT_EQ(finished.out,
              std::string("NoNewPrivs:\t") + (no_new_privs ? "1" : "0") +
                  "\nSeccomp:\t2\nmkdir: can't create directory '/x': Operation not permitted\n");
  }
}

TEST_F(ContainerTest, RlimitsAreSetAsFarAsTheyMay) {
  container::LaunchPlan plan = Plan("ulimit -n; ulimit -H -n; grep processes /proc/self/limits");
  rlimit processes;
  getrlimit(RLIMIT_NPROC, &processes);
  plan.process.rlimits = {{RLIMIT_NOFILE, 100, 200}, {RLIMIT_NPROC, RLIM_INFINITY, RLIM_INFINITY}};
  Finished finished = Run(plan);
  EXPECT_EQ(finished.failure, "");
  EXPECT_TRUE(finished.out.starts_with("100\n200\nMax processes")) << finished.out;
}

TEST_F(ContainerTest, SignalsUmaskSessionAndScoreAreFresh) {
  struct sigaction ignore {
  }, before{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &before);
  container::LaunchPlan plan = Plan("");
  plan.process.args = {"grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status"};
  std::string none = "\t0000000000000000\n";
  EXPECT_EQ(Run(plan).out, "SigBlk:" + none + "SigIgn:" + none + "SigCgt:" + none);
  sigaction(SIGPIPE, &before, nullptr);
  EXPECT_EQ(Output("umask; cut -d' ' -f5,6 /proc/1/stat; cat /proc/1/oom_score_adj"),
            "0022\n1 1\n0\n");
}

TEST_F(ContainerTest, OutOfMemoryScoreIsThePlans) {
  container::LaunchPlan plan = Plan("cat /proc/self/oom_score_adj");
  plan.process.oom_score_adj = 937;
  EXPECT_EQ(Run(plan).out, "937\n");
}

TEST_F(ContainerTest, ItsOwnPidNamespaceMakesItFirst) {
  container::LaunchPlan plan = Plan("echo $$; hostname");
  plan.pid_mode = PidMode::kContainer;
  EXPECT_EQ(Run(plan).out, "1\nthe-pod\n");
}

TEST_F(ContainerTest, ThePodsPidNamespaceShowsPause) {
  container::LaunchPlan plan = Plan("cat /proc/1/comm; test $$ -gt 1 && echo later");
  plan.pid_mode = PidMode::kPod;
  EXPECT_EQ(Run(plan).out, "cradle-pause\nlater\n");
}

TEST_F(ContainerTest, TheNodesPidNamespaceShowsTheHost) {
  container::LaunchPlan plan = Plan("echo $$");
  plan.pid_mode = PidMode::kNode;
  Running container = Launch(plan);
  EXPECT_EQ(container.Finish().out, std::to_string(container.pid()) + "\n");
}

TEST_F(ContainerTest, AnothersPidNamespaceShowsTheOther) {
  Running target = Launch(Plan("echo up; read line"));
  ASSERT_EQ(target.Start(), "");
  ASSERT_EQ(target.ReadLine(), "up\n");
  container::LaunchPlan plan = Plan("cat /proc/1/comm; test $$ -gt 1 && echo later");
  plan.pid_mode = PidMode::kTarget;
  plan.pid_target = std::string(64, 'b');
  EXPECT_EQ(Launch(plan, target.pidfd()).Finish().out, "sh\nlater\n");
}

TEST_F(ContainerTest, AnothersPidNamespaceNeedsTheOther) {
  container::LaunchPlan plan = Plan("true");
  plan.pid_mode = PidMode::kTarget;
  plan.pid_target = std::string(64, 'b');
  Result<Launched> launched = LaunchContainer(plan, Pod(), FdRef(), Stdio());
  ASSERT_FALSE(launched.ok());
  EXPECT_EQ(launched.error().code(), Code::kFailedPrecondition);
  // The launcher is back in its own pid namespace, and so are its children.
  EXPECT_EQ(Namespace(getpid(), "pid"), Namespace(getpid(), "pid_for_children"));
}

TEST_F(ContainerTest, SharesWhatItJoinsAndNothingElse) {
  container::LaunchPlan plan = Plan("true");
  plan.join_namespaces = CLONE_NEWNET;
  Running container = Launch(plan);
  ASSERT_EQ(container.Next().kind, Report::Kind::kReady);
  EXPECT_EQ(Namespace(container.pid(), "net"), Namespace(PausePid(), "net"));
  EXPECT_EQ(Namespace(container.pid(), "ipc"), Namespace(getpid(), "ipc"));
  EXPECT_EQ(Namespace(container.pid(), "uts"), Namespace(getpid(), "uts"));
  EXPECT_NE(Namespace(container.pid(), "mnt"), Namespace(PausePid(), "mnt"));
  EXPECT_NE(Namespace(container.pid(), "cgroup"), Namespace(PausePid(), "cgroup"));
}

TEST_F(ContainerTest, ATerminalIsItsControllingOne) {
  container::LaunchPlan plan =
      Plan("tty; test -c /dev/console && stat -c %t:%T:%u /dev/console; read x; echo got $x");
  plan.process.terminal = true;
  plan.process.user.user = "1000";
  Running container = Launch(plan);
  ASSERT_EQ(container.Start(), "");
  EXPECT_EQ(container.ReadLine(), "/dev/pts/0\r\n");
  EXPECT_EQ(container.ReadLine(), "88:0:1000\r\n");
  container.Say("word\n");
  EXPECT_EQ(container.ReadLine(), "word\r\n");  // the echo
  EXPECT_EQ(container.ReadLine(), "got word\r\n");
  EXPECT_EQ(container.Finish().code, 0);
}

TEST_F(ContainerTest, AUserWhoIsNotRootMayOpenItsStreamsAgain) {
  container::LaunchPlan plan = Plan("echo again >/dev/stdout");
  plan.process.user.user = "1000";
  EXPECT_EQ(Run(plan).out, "again\n");
}

TEST_F(ContainerTest, WithoutStreamsItGetsItsOwnNull) {
  container::LaunchPlan plan =
      Plan("(stat -L -c '%d %i' /dev/null /proc/1/fd/0 /proc/1/fd/1 /proc/1/fd/2) >/result; true");
  Result<Launched> launched = LaunchContainer(plan, Pod(), FdRef(), Stdio());
  ASSERT_TRUE(launched.ok());
  EXPECT_EQ(Running(std::move(*launched), UniqueFd(), UniqueFd()).Finish().code, 0);
  std::string result = ReadText(plan.upper_dir + "/result");
  std::string line = result.substr(0, result.find('\n') + 1);
  EXPECT_GT(line.size(), 1u);
  EXPECT_EQ(result, line + line + line + line);
}

TEST_F(ContainerTest, WhatCannotBeExecutedIsToldAtTheStart) {
  Write("/bin/notes", "no program\n");
  Write("/bin/scrap", "no program\n");
  ASSERT_EQ(chmod(Image("/bin/scrap").c_str(), 0755), 0);
  struct {
    std::vector<std::string> args;
    std::string text;
    Code code;
  } const cases[] = {
      {{"/bin/foo"}, "exec \"/bin/foo\": no such file or directory", Code::kNotFound},
      {{"foo"}, "exec: \"foo\": executable file not found in $PATH", Code::kNotFound},
      {{""}, "exec: \"\": executable file not found in $PATH", Code::kNotFound},
      {{"/bin/notes"}, "exec \"/bin/notes\": permission denied", Code::kPermissionDenied},
      {{"notes"}, "exec: \"notes\": permission denied", Code::kPermissionDenied},
      {{"/etc"}, "exec \"/etc\": permission denied", Code::kPermissionDenied},
      {{"/bin/scrap"}, "exec \"/bin/scrap\": exec format error", Code::kInvalidArgument},
  };
  for (const auto& c : cases) {
    container::LaunchPlan plan = Plan("");
    plan.process.args = c.args;
    Running container = Launch(plan);
    ASSERT_EQ(container.Next().kind, Report::Kind::kReady) << c.text;
    Finished finished = container.Finish();
    EXPECT_EQ(finished.failure, c.text);
    EXPECT_EQ(finished.failure_code, c.code);
    EXPECT_EQ(finished.code, 127);
  }
}

TEST_F(ContainerTest, JoinsItsGroupsBeforeItDoesAnything) {
  Group group = MakeGroup("container");
  container::LaunchPlan plan = Plan("cat /proc/self/cgroup");
  plan.cgroup_join = group.v1;
  plan.cgroup_v2 = group.v2;
  Running container = Launch(plan);
  ASSERT_EQ(container.Next().kind, Report::Kind::kReady);
  for (std::string path : group.v1)
    EXPECT_EQ(ReadText(path + "/cgroup.procs"), std::to_string(container.pid()) + "\n");
  EXPECT_EQ(ReadText(group.v2 + "/cgroup.procs"), std::to_string(container.pid()) + "\n");
  // Its own cgroup namespace: the groups are its roots.
  std::string seen = container.Finish().out;
  EXPECT_TRUE(Contains(seen, "0::/\n")) << seen;
  EXPECT_FALSE(Contains(seen, "cradle-launch-test")) << seen;
}

TEST_F(ContainerTest, AGroupThatIsNotThereIsNamed) {
  container::LaunchPlan plan = Plan("true");
  plan.cgroup_v2 = "/sys/fs/cgroup/no-such-group";
  Result<Launched> launched = LaunchContainer(plan, Pod(), FdRef(), Stdio());
  ASSERT_FALSE(launched.ok());
  EXPECT_TRUE(Contains(launched.error().text(), "no-such-group")) << launched.error().text();
}

TEST_F(ContainerTest, StartsInTwoMegabytes) {
  Group group = MakeGroup("small");
  std::string limit;
  for (const std::string& path : group.v1)
    if (Contains(path, "/memory/")) limit = path + "/memory.limit_in_bytes";
  if (limit.empty()) limit = group.v2 + "/memory.max";
  if (access(limit.c_str(), W_OK) < 0) GTEST_SKIP() << "no memory controller here";
  ASSERT_TRUE(sys::WriteControl(kCwd, limit, "2097152").ok());
  container::LaunchPlan plan = Plan("");
  plan.process.args = {"true"};
  plan.cgroup_join = group.v1;
  plan.cgroup_v2 = group.v2;
  Finished finished = Run(plan);
  EXPECT_EQ(finished.failure, "");
  EXPECT_EQ(finished.signal, 0);
  EXPECT_EQ(finished.code, 0);
}

TEST_F(ContainerTest, AReportFromADeadPodIsAnError) {
  container::LaunchPlan plan = Plan("true");
  Running pause = StartPause(pause_plan);
  ASSERT_EQ(pause.Next().kind, Report::Kind::kReady);
  ASSERT_TRUE(sys::PidfdSendSignal(pause.pidfd(), SIGKILL).ok());
  Deadline deadline = After(seconds(30));
  while (!sys::PidfdExited(pause.pidfd()) && MillisLeft(deadline) > 0) sched_yield();
  Result<Launched> launched = LaunchContainer(plan, {pause.pid(), pause.pidfd()}, FdRef(), Stdio());
  ASSERT_TRUE(launched.ok());
  Finished finished = Running(std::move(*launched), UniqueFd(), UniqueFd()).Finish();
  EXPECT_EQ(finished.failure, "the process whose namespaces are joined is gone");
  EXPECT_EQ(finished.failure_code, Code::kFailedPrecondition);
}

}  // namespace
}  // namespace cradle::shim
