// A real shim, driven as cradled drives it: pause, containers, exits, logs, death of the daemon. Commands: shim_exec_test.cpp.
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>

#include "base/ids.h"
#include "base/sys/file.h"
#include "base/sys/mount.h"
#include "base/sys/socket.h"
#include "base/wire.h"
#include "shim_fixture.h"

namespace cradle::shim {
namespace {

TEST_F(ShimTest, SaysHello) {
  EXPECT_EQ(client_->shim_pid(), shim_.pid);
  EXPECT_FALSE(client_->TakePause().pidfd.valid());
  StartPause();
  Exits& exits = MoreExits();
  auto second = Connect(exits);
  PauseStarted pause = second->TakePause();
  EXPECT_GT(pause.pid, 0);
  EXPECT_TRUE(pause.pidfd.valid());
}

TEST_F(ShimTest, HasOnePauseAtATime) {
  StartPause();
  EXPECT_EQ(client_->Pause({}, Soon()).error().code(), Code::kAlreadyExists);
}

TEST_F(ShimTest, WithoutPauseThereIsNoContainer) {
  EXPECT_EQ(client_->Create(Plan("true"), Soon()).error().code(), Code::kFailedPrecondition);
}

TEST_F(ShimTest, RunsAContainerAndTellsItsExitCode) {
  StartPause();
  auto plan = Plan("echo hello; echo sorry >&2; exit 42");
  int64_t before = WallNanos();
  Run(plan);
  ExitInfo exit = exits_.Of(plan.container_id);
  EXPECT_EQ(exit.exit_code, 42);
  EXPECT_EQ(exit.signal, 0);
  EXPECT_FALSE(exit.oom_killed);
  EXPECT_FALSE(exit.start_failed);
  EXPECT_GE(exit.started_at, before);
  EXPECT_GE(exit.finished_at, exit.started_at);
  EXPECT_EQ(LogLines(plan.log_path), std::vector<std::string>{"hello"});
  EXPECT_EQ(LogLines(plan.log_path, "stderr"), std::vector<std::string>{"sorry"});

  auto file = sys::ReadFile(kCwd, Cat(dir_, "/pod/exit.", plan.container_id), 4096);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(DecodeExit(*file).value().exit_code, 42);

  auto listed = client_->List(Soon()).value();
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].state, ContainerState::kExited);
  EXPECT_EQ(listed[0].exit.exit_code, 42);
  EXPECT_EQ(client_->ContainerPidfd(plan.container_id, Soon()).error().code(), Code::kNotFound);
  ASSERT_TRUE(client_->Delete(plan.container_id, Soon()).ok());
  EXPECT_TRUE(client_->List(Soon()).value().empty());
  EXPECT_FALSE(sys::Exists(kCwd, Cat(dir_, "/pod/exit.", plan.container_id)));
  EXPECT_EQ(client_->Delete(plan.container_id, Soon()).error().code(), Code::kNotFound);
}

TEST_F(ShimTest, ASignalIsToldAs128AndItsNumber) {
  StartPause();
  auto plan = Plan("sleep 1000");
  Run(plan);
  auto pidfd = client_->ContainerPidfd(plan.container_id, Soon());
  ASSERT_TRUE(pidfd.ok());
  ASSERT_TRUE(sys::PidfdSendSignal(*pidfd, SIGKILL).ok());
  ExitInfo exit = exits_.Of(plan.container_id);
  EXPECT_EQ(exit.exit_code, 128 + SIGKILL);
  EXPECT_EQ(exit.signal, SIGKILL);
}

TEST_F(ShimTest, TheLogExistsWhenStartReturns) {
  StartPause();
  auto plan = Plan("sleep 1000");
  Run(plan);
  EXPECT_TRUE(sys::Exists(kCwd, plan.log_path));
  auto listed = client_->List(Soon()).value();
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].state, ContainerState::kRunning);
  EXPECT_GT(listed[0].pid, 0);
  EXPECT_GT(listed[0].started_at, 0);
}

TEST_F(ShimTest, ALogThatCannotBeOpenedFailsTheStartAndIsNamed) {
  StartPause();
  auto plan = Plan("true");
  plan.log_path = dir_ + "/missing/0.log";
  ASSERT_TRUE(client_->Create(plan, Soon()).ok());
  auto started = client_->Start(plan.container_id, Soon());
  EXPECT_EQ(started.error().code(), Code::kNotFound);
  EXPECT_NE(started.error().text().find(plan.log_path), std::string::npos) << started.error().text();
  EXPECT_EQ(client_->List(Soon()).value().at(0).state, ContainerState::kCreated);
  ASSERT_TRUE(sys::MakeDirs(dir_ + "/missing", 0755).ok());
  EXPECT_TRUE(client_->Start(plan.container_id, Soon()).ok());
  EXPECT_EQ(exits_.Of(plan.container_id).exit_code, 0);
}

TEST_F(ShimTest, AProgramThatIsMissingFailsTheStart) {
  StartPause();
  auto plan = Plan("");
  plan.process.args = {"/bin/no-such-program"};
  ASSERT_TRUE(client_->Create(plan, Soon()).ok());
  auto started = client_->Start(plan.container_id, Soon());
  EXPECT_NE(started.error().text().find("no-such-program"), std::string::npos) << started.error().text();
  ExitInfo exit = exits_.Of(plan.container_id);
  EXPECT_TRUE(exit.start_failed);
  EXPECT_EQ(exit.exit_code, 128);
  EXPECT_TRUE(client_->Delete(plan.container_id, Soon()).ok());
}

TEST_F(ShimTest, AFailedCreateLeavesNothing) {
  StartPause();
  auto plan = Plan("true");
  plan.process.user.user = "nobody-knows";
  EXPECT_EQ(client_->Create(plan, Soon()).error().code(), Code::kInvalidArgument);
  EXPECT_TRUE(client_->List(Soon()).value().empty());
  EXPECT_EQ(exits_.Told(plan.container_id), 0);
  auto again = Plan("true");
  again.container_id = plan.container_id;
  again.cgroup_v2 = plan.cgroup_v2;
  Run(again);
  EXPECT_EQ(exits_.Of(plan.container_id).exit_code, 0);
}

TEST_F(ShimTest, ACreatedContainerCanBeDeleted) {
  StartPause();
  auto plan = Plan("true");
  auto created = client_->Create(plan, Soon());
  ASSERT_TRUE(created.ok());
  ASSERT_TRUE(client_->Delete(plan.container_id, Soon()).ok());
  EXPECT_TRUE(sys::PidfdExited(created->pidfd));
  EXPECT_TRUE(client_->List(Soon()).value().empty());
  EXPECT_FALSE(sys::Exists(kCwd, plan.log_path));
}

TEST_F(ShimTest, ARunningContainerIsNeitherDeletedNorStartedNorMadeAgain) {
  StartPause();
  auto plan = Plan("sleep 1000");
  Run(plan);
  EXPECT_EQ(client_->Delete(plan.container_id, Soon()).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(client_->Start(plan.container_id, Soon()).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(client_->Create(plan, Soon()).error().code(), Code::kAlreadyExists);
}

TEST_F(ShimTest, CompanionsOfTheMainProcessEndWithIt) {
  if (v2_root_.empty()) GTEST_SKIP() << "needs a v2 tree";
  StartPause();
  auto plan = Plan("(trap '' TERM; while :; do sleep 1000; done) & echo up; exit 3");
  plan.pid_mode = container::PidMode::kPod;
  Run(plan);
  EXPECT_EQ(exits_.Of(plan.container_id).exit_code, 3);
  Deadline deadline = Soon();
  auto populated = [&] {
    return sys::ReadFile(kCwd, plan.cgroup_v2 + "/cgroup.events", 4096).value().find("populated 1") != std::string::npos;
  };
  while (populated() && MillisLeft(deadline) > 0) sched_yield();
  EXPECT_FALSE(populated());
  EXPECT_EQ(LogLines(plan.log_path), std::vector<std::string>{"up"});
}

TEST_F(ShimTest, NoLineIsLostOrTornUnderLoadAndReopen) {
  constexpr int kLines = 200'000;
  StartPause();
  auto plan = Plan(Cat("seq ", std::to_string(kLines), "; seq 1000 >&2; printf end"));
  Run(plan);
  int reopened = 0;
  while (exits_.Told(plan.container_id) == 0) {
    std::string moved = Cat(plan.log_path, ".", std::to_string(reopened));
    ASSERT_TRUE(sys::RenameAt(kCwd, plan.log_path, kCwd, moved).ok());
    auto done = client_->ReopenLog(plan.container_id, Soon());
    if (!done.ok()) {  // it has ended: no new file
      EXPECT_EQ(done.error().code(), Code::kFailedPrecondition);
      EXPECT_FALSE(sys::Exists(kCwd, plan.log_path));
      ASSERT_TRUE(sys::RenameAt(kCwd, moved, kCwd, plan.log_path).ok());
      break;
    }
    EXPECT_TRUE(sys::Exists(kCwd, plan.log_path));
    ++reopened;
  }
  EXPECT_EQ(exits_.Of(plan.container_id).log_dropped, 0u);
  std::vector<std::string> out, err;
  for (int i = 0; i <= reopened; ++i) {
    std::string path = i < reopened ? Cat(plan.log_path, ".", std::to_string(i)) : plan.log_path;
    for (std::string& line : LogLines(path)) out.push_back(std::move(line));
    for (std::string& line : LogLines(path, "stderr")) err.push_back(std::move(line));
  }
  EXPECT_GT(reopened, 0);
  ASSERT_EQ(out.size(), static_cast<size_t>(kLines) + 1);
  for (int i = 0; i < kLines; ++i) ASSERT_EQ(out[static_cast<size_t>(i)], std::to_string(i + 1));
  EXPECT_EQ(out.back(), "end");
  EXPECT_EQ(err.size(), 1000u);
}

TEST_F(ShimTest, ATerminalIsTheLogsStdout) {
  StartPause();
  auto plan = Plan("read line; echo got; stty size; sleep 1000");
  plan.process.args = {"/bin/sh", "-c", "test -t 0 && test -t 1 && echo tty; echo > /fifo; sleep 1000"};
  plan.process.terminal = true;
  ASSERT_TRUE(sys::MknodAt(kCwd, dir_ + "/image/fifo", S_IFIFO | 0600, 0).ok());
  Run(plan);
  EXPECT_TRUE(client_->Resize(plan.container_id, 120, 40, Soon()).ok());
  auto exec = ExecOf(plan, "read said < /fifo; stty size < /proc/1/fd/0");
  exec.process.terminal = false;
  auto size = Exec(exec);
  ASSERT_TRUE(size.ok()) << size.error().text();
  EXPECT_EQ(size->out, "40 120\n");
  UniqueFd pidfd = client_->ContainerPidfd(plan.container_id, Soon()).value();
  ASSERT_TRUE(sys::PidfdSendSignal(pidfd, SIGKILL).ok());
  exits_.Of(plan.container_id);
  EXPECT_EQ(LogLines(plan.log_path), std::vector<std::string>{"tty\r"});
}

TEST_F(ShimTest, AContainerWithoutATerminalIsNotResized) {
  StartPause();
  auto plan = Plan("sleep 1000");
  Run(plan);
  EXPECT_EQ(client_->Resize(plan.container_id, 1, 1, Soon()).error().code(), Code::kFailedPrecondition);
}

TEST_F(ShimTest, EveryConnectionIsToldOfAnExit) {
  StartPause();
  Exits& others = MoreExits();
  auto other = Connect(others);
  auto plan = Plan("exit 5");
  Run(plan);
  EXPECT_EQ(exits_.Of(plan.container_id).exit_code, 5);
  EXPECT_EQ(others.Of(plan.container_id).exit_code, 5);
}

// A daemon that dies: another process connects, is killed, and the exit that nobody heard is told at the next hello.
TEST_F(ShimTest, AnExitThatNobodyHeardIsToldAtTheNextHello) {
  StartPause();
  auto plan = Plan("read line < /fifo; echo last words; exit 42");
  ASSERT_TRUE(sys::MknodAt(kCwd, dir_ + "/image/fifo", S_IFIFO | 0600, 0).ok());
  Run(plan);
  auto pidfd = client_->ContainerPidfd(plan.container_id, Soon()).value();
  auto exec = ExecOf(plan, "echo > /fifo");
  client_.reset();
  {
    Exits& unheard = MoreExits();
    auto brief = Connect(unheard);
    std::promise<void> sent;
    brief->Exec(exec, Soon(), {}, [&](Result<ExecResult>) { sent.set_value(); });
    sent.get_future().wait();
  }
  auto ended = sys::PollReadable(pidfd, Soon());
  ASSERT_TRUE(ended.ok() && *ended);
  Exits& heard = MoreExits();
  client_ = Connect(heard);
  EXPECT_EQ(heard.Of(plan.container_id).exit_code, 42);
  EXPECT_EQ(LogLines(plan.log_path), std::vector<std::string>{"last words"});
}

TEST_F(ShimTest, AStoppedShimFailsItsOwnCallsOnly) {
  StartPause();
  ASSERT_TRUE(sys::PidfdSendSignal(shim_.pidfd, SIGSTOP).ok());
  EXPECT_EQ(client_->List(After(milliseconds(50))).error().code(), Code::kDeadlineExceeded);
  auto exec = container::ExecPlan{};
  exec.container_id = RandomHex64();
  EXPECT_EQ(Exec(exec, After(milliseconds(50))).error().code(), Code::kDeadlineExceeded);
  std::promise<void> fired;
  loop_->RunAt(After(milliseconds(1)), [&] { fired.set_value(); });
  EXPECT_EQ(fired.get_future().wait_for(kPatience), std::future_status::ready) << "the loop is not held up";
  ASSERT_TRUE(sys::PidfdSendSignal(shim_.pidfd, SIGCONT).ok());
  EXPECT_TRUE(client_->List(Soon()).ok()) << "late answers do no harm";
}

TEST_F(ShimTest, TheClientNoticesTheDeathOfTheShim) {
  ASSERT_TRUE(sys::PidfdSendSignal(shim_.pidfd, SIGKILL).ok());
  EXPECT_TRUE(exits_.WaitLost());
  EXPECT_EQ(client_->List(Soon()).error().code(), Code::kUnavailable);
  EXPECT_TRUE(sys::WaitPidfd(shim_.pidfd, Soon()).ok());
  client_.reset();
}

TEST_F(ShimTest, AContainerSurvivesTheDeathOfTheShimWithoutSigpipe) {
  StartPause();
  auto plan = Plan("while :; do read line < /fifo; echo $line; echo $line > /answer; done");
  ASSERT_TRUE(sys::MknodAt(kCwd, dir_ + "/image/fifo", S_IFIFO | 0600, 0).ok());
  ASSERT_TRUE(sys::MknodAt(kCwd, dir_ + "/image/answer", S_IFIFO | 0600, 0).ok());
  Run(plan);
  pid_t pid = client_->List(Soon()).value().at(0).pid;
  UniqueFd pidfd = client_->ContainerPidfd(plan.container_id, Soon()).value();
  UniqueFd pause = Connect(exits_)->TakePause().pidfd;
  std::string root = Cat("/proc/", std::to_string(pid), "/root");
  UniqueFd fifo = sys::OpenAt(kCwd, root + "/fifo", O_RDWR).value();
  UniqueFd answer = sys::OpenAt(kCwd, root + "/answer", O_RDWR).value();
  ASSERT_TRUE(sys::PidfdSendSignal(shim_.pidfd, SIGKILL).ok());
  ASSERT_TRUE(sys::WaitPidfd(shim_.pidfd, Soon()).ok());
  client_.reset();
  ASSERT_TRUE(sys::WriteAll(fifo, "alive\n", 6).ok());
  auto answered = sys::PollReadable(answer, Soon());
  EXPECT_TRUE(answered.ok() && *answered);
  char text[6] = {};
  EXPECT_EQ(sys::Read(answer, text, sizeof text).value(), 6u);
  EXPECT_FALSE(sys::PidfdExited(pidfd));
  (void)sys::PidfdSendSignal(pause, SIGKILL);
  (void)sys::PidfdSendSignal(pidfd, SIGKILL);
  (void)sys::PollReadable(pidfd, Soon());
}

TEST_F(ShimTest, ASuccessorTakesItsContainersOver) {
  ASSERT_TRUE(sys::SetChildSubreaper().ok());  // as cradled is: what the dead leave isn't reaped before it is looked at
  StartPause();
  auto plan = Plan("printf unfin; while read line < /fifo; do echo $line; [ $line = end ] && exit 9; done");
  ASSERT_TRUE(sys::MknodAt(kCwd, dir_ + "/image/fifo", S_IFIFO | 0600, 0).ok());
  Run(plan);
  Listed before = client_->List(Soon()).value().at(0);
  UniqueFd fifo = sys::OpenAt(kCwd, Cat("/proc/", std::to_string(before.pid), "/root/fifo"), O_RDWR).value();
  PauseStarted pause = Connect(MoreExits())->TakePause();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(sys::PidfdSendSignal(shim_.pidfd, SIGKILL).ok());
    ASSERT_TRUE(sys::WaitPidfd(shim_.pidfd, Soon()).ok());
    StartShim();
    client_ = Connect(exits_);
    ASSERT_TRUE(client_->TakeOver(pause, Soon()).ok());
  }
  Listed after = client_->List(Soon()).value().at(0);
  EXPECT_EQ(after.container, plan.container_id);
  EXPECT_EQ(after.state, ContainerState::kRunning);
  EXPECT_EQ(after.pid, before.pid);
  EXPECT_EQ(after.started_at, before.started_at);
  EXPECT_EQ(Exec(ExecOf(plan, "echo alive")).value().out, "alive\n");
  ASSERT_TRUE(sys::WriteAll(fifo, "ished\n", 6).ok());
  ASSERT_TRUE(sys::WriteAll(fifo, "end\n", 4).ok());
  ExitInfo exit = exits_.Of(plan.container_id);
  EXPECT_EQ(exit.exit_code, 9);
  EXPECT_FALSE(exit.unknown);
  EXPECT_EQ(LogLines(plan.log_path), (std::vector<std::string>{"unfinished", "end"}));
  EXPECT_TRUE(client_->TakeOver(pause, Soon()).error().code() == Code::kAlreadyExists);
  EXPECT_TRUE(client_->Delete(plan.container_id, Soon()).ok());
  EXPECT_TRUE(client_->Shutdown(Soon()).ok());
  EXPECT_TRUE(sys::PidfdExited(pause.pidfd));
  EXPECT_EQ(sys::WaitPidfd(shim_.pidfd, Soon()).value().code, 0);
  client_.reset();
  sys::ReapStrangers();
}

TEST_F(ShimTest, ShutdownLeavesNoProcess) {
  StartPause();
  auto running = Plan("trap '' TERM; sleep 1000 & sleep 1000"), created = Plan("true");
  Run(running);
  auto made = client_->Create(created, Soon());
  ASSERT_TRUE(made.ok());
  auto pidfd = client_->ContainerPidfd(running.container_id, Soon()).value();
  Exits& others = MoreExits();
  auto other = Connect(others);
  PauseStarted pause = other->TakePause();
  EXPECT_TRUE(client_->Shutdown(Soon()).ok());
  EXPECT_TRUE(sys::PidfdExited(pause.pidfd));
  EXPECT_TRUE(sys::PidfdExited(made->pidfd));
  EXPECT_TRUE(sys::PidfdExited(pidfd));
  EXPECT_EQ(sys::WaitPidfd(shim_.pidfd, Soon()).value().code, 0);
  EXPECT_TRUE(exits_.WaitLost());
  client_.reset();
}

TEST_F(ShimTest, AnOomKillIsTold) {
  std::string group = Cat("/sys/fs/cgroup/memory/cradle-test-", RandomHex64().substr(0, 12));
  if (!sys::Exists(kCwd, "/sys/fs/cgroup/memory/tasks")) GTEST_SKIP() << "needs cgroup v1 memory";
  ASSERT_TRUE(sys::MkdirAt(kCwd, group, 0755).ok());
  ASSERT_TRUE(sys::WriteControl(kCwd, group + "/memory.limit_in_bytes", "16777216").ok());
  StartPause();
  // dd's one buffer is larger than the limit.
  auto plan = Plan("exec dd if=/dev/zero of=/dev/null bs=64M count=1");
  plan.cgroup_join = {group};
  plan.oom_file = group + "/memory.oom_control";
  Run(plan);
  ExitInfo exit = exits_.Of(plan.container_id);
  EXPECT_TRUE(exit.oom_killed);
  EXPECT_EQ(exit.signal, SIGKILL);
  auto calm = Plan("exit 0");
  calm.cgroup_join = plan.cgroup_join;
  calm.oom_file = plan.oom_file;
  Run(calm);
  EXPECT_FALSE(exits_.Of(calm.container_id).oom_killed) << "an earlier kill isn't this one's";
  Deadline deadline = Soon();
  while (rmdir(group.c_str()) < 0 && errno == EBUSY && MillisLeft(deadline) > 0) sched_yield();
}

TEST_F(ShimTest, AFullDiskLosesOutputButNeverTheContainer) {
  std::string small = dir_ + "/small";
  ASSERT_TRUE(sys::MakeDirs(small, 0755).ok());
  ASSERT_TRUE(sys::Mount("tmpfs", small, "tmpfs", 0, "size=64k").ok());
  StartPause();
  auto plan = Plan("seq 100000; exit 9");
  plan.log_path = small + "/0.log";
  Run(plan);
  ExitInfo exit = exits_.Of(plan.container_id);
  EXPECT_EQ(exit.exit_code, 9);
  EXPECT_GT(exit.log_dropped, 0u);
  ASSERT_TRUE(sys::Umount(small, 0).ok()) << "the log is closed at the exit";
}

TEST_F(ShimTest, UnknownAndMalformedRequestsHurtNobody) {
  UniqueFd raw = sys::ConnectUnix(socket_, SOCK_SEQPACKET).value();
  ASSERT_TRUE(sys::SendMessage(raw, "garbage").ok());
  auto closed = sys::PollReadable(raw, Soon());
  ASSERT_TRUE(closed.ok() && *closed);
  EXPECT_EQ(sys::ReceiveMessage(raw, 100).value().data, "");
  wire::Writer unknown;
  unknown.U64(kKind, 77);
  unknown.U64(kSeq, 5);
  raw = sys::ConnectUnix(socket_, SOCK_SEQPACKET).value();
  ASSERT_TRUE(sys::SendMessage(raw, unknown.bytes()).ok());
  ASSERT_TRUE(sys::PollReadable(raw, Soon()).value());
  std::string answer = sys::ReceiveMessage(raw, kMaxPacket).value().data;
  wire::Reader reader(answer);
  uint64_t code = 0;
  while (reader.Next())
    if (reader.tag() == kErrorCode) code = reader.U64();
  EXPECT_EQ(code, static_cast<uint64_t>(Code::kUnimplemented));
  EXPECT_TRUE(client_->List(Soon()).ok());
}

TEST_F(ShimTest, APeerThatDoesNotReadIsDropped) {
  UniqueFd deaf = sys::ConnectUnix(socket_, SOCK_SEQPACKET).value();
  wire::Writer hello;
  hello.U64(kKind, static_cast<uint64_t>(Kind::kHello));
  hello.U64(kSeq, 1);
  Deadline deadline = Soon();
  Result<> sent;
  while ((sent = sys::SendMessage(deaf, hello.bytes())).ok() || sent.error().err() == EAGAIN)
    ASSERT_GT(MillisLeft(deadline), 0);
  EXPECT_TRUE(sent.error().err() == EPIPE || sent.error().err() == ECONNRESET) << sent.error().text();
  EXPECT_TRUE(client_->List(Soon()).ok());
}

}  // namespace
}  // namespace cradle::shim
