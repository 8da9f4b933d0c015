// Commands that are run in a container, by a real shim.
#include <sched.h>
#include <signal.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <thread>

#include "base/sys/file.h"
#include "held_pipe.h"
#include "shim_fixture.h"

namespace cradle::shim {
namespace {

// Of a process with these arguments, once there is one.
pid_t PidOf(const std::string& command) {
  for (Deadline deadline = After(kPatience); MillisLeft(deadline) > 0; sched_yield())
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      std::ifstream file(entry.path() / "cmdline");
      std::string text(std::istreambuf_iterator<char>(file), {});
      for (char& c : text)
        if (c == '\0') c = ' ';
      if (text == command + " ") return std::stoi(entry.path().filename());
    }
  return 0;
}

TEST_F(ShimTest, ExecTellsOutputAndCode) {
  StartPause();
  auto plan = Plan("sleep 1000");
  Run(plan);
  auto exec = ExecOf(plan, "echo out; echo err >&2; exit 7");
  auto result = Exec(exec);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(result->out, "out\n");
  EXPECT_EQ(result->err, "err\n");
  EXPECT_EQ(result->exit_code, 7);
  EXPECT_FALSE(result->timed_out);
  EXPECT_FALSE(!exec.cgroup_v2.empty() && sys::Exists(kCwd, exec.cgroup_v2)) << "removed by the shim";
}

// As a hook does it.
TEST_F(ShimTest, ExecRunsBeforeTheStartWithItsInput) {
  StartPause();
  auto plan = Plan("cat /hooked; sleep 1000");
  ASSERT_TRUE(client_->Create(plan, Soon()).ok());
  auto exec = ExecOf(plan, "cat > /hooked; cat; echo x > /proc/self/fd/0 || echo sealed >&2");
  exec.input = "the state\n";
  auto result = Exec(exec);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(result->out, "");
  EXPECT_NE(result->err.find("sealed"), std::string::npos) << result->err;
  ASSERT_TRUE(client_->Start(plan.container_id, Soon()).ok());
  Deadline deadline = Soon();
  while (LogText(plan).find("the state") == std::string::npos && MillisLeft(deadline) > 0) sched_yield();
  EXPECT_EQ(LogLines(plan.log_path), std::vector<std::string>{"the state"});
}

TEST_F(ShimTest, ExecKeepsOutputUpToItsLimit) {
  StartPause();
  auto plan = Plan("sleep 1000");
  Run(plan);
  auto exec = ExecOf(plan, "head -c 5000000 /dev/zero; echo whole >&2");
  exec.output_limit = 1'000'000;
  auto result = Exec(exec);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(result->out.size(), 1'000'000u);
  EXPECT_EQ(result->err, "whole\n");
  EXPECT_EQ(result->exit_code, 0);
}

TEST_F(ShimTest, ExecThatTakesTooLongIsKilledWithItsChildren) {
  if (v2_root_.empty()) GTEST_SKIP() << "needs a v2 tree";
  StartPause();
  auto plan = Plan("sleep 1000");
  Run(plan);
  // On a busy machine a time is over before the command has begun: then a longer one is given.
  std::string said;
  for (uint64_t timeout = 300; said.empty() && timeout < 60'000; timeout *= 2) {
    auto exec = ExecOf(plan, "echo begun; (trap '' TERM; sleep 1000) & sleep 1000");
    exec.timeout_ms = timeout;
    auto result = Exec(exec);
    ASSERT_TRUE(result.ok()) << result.error().text();
    EXPECT_TRUE(result->timed_out);
    said = result->out;
  }
  EXPECT_EQ(said, "begun\n");
  EXPECT_EQ(client_->List(Soon()).value().at(0).state, ContainerState::kRunning);
}

TEST_F(ShimTest, ExecDoesNotWaitForeverForWhoHoldsItsOutput) {
  StartPause();
  auto plan = Plan("sleep 1000");
  Run(plan);
  auto result = Exec(ExecOf(plan, "setsid sleep 1000 & echo done"));
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(result->out, "done\n");
  EXPECT_FALSE(result->timed_out);
}

// The command ends, and somebody sleeps inside the lock of its output. Its child has the same descriptors open: else the
// command would sleep there too, at its end.
TEST_F(ShimTest, ExecWhosePipeIsHeldHoldsUpNobodyElse) {
  StartPause();
  auto plan = Plan("sleep 1000");
  Run(plan);
  std::optional<Result<ExecResult>> held;
  std::jthread waiting([&] { held = Exec(ExecOf(plan, "printf before; sleep 76542 & exec sleep 76543")); });
  const pid_t child = PidOf("sleep 76542"), command = PidOf("sleep 76543");
  ASSERT_TRUE(child != 0 && command != 0);
  {
    test::HeldPipe holder("/proc/" + std::to_string(command) + "/fd/1");
    ASSERT_EQ(::kill(command, SIGKILL), 0);
    for (Deadline deadline = Soon(); ::kill(command, 0) == 0; sched_yield()) ASSERT_GT(MillisLeft(deadline), 0) << "not reaped";
    auto other = Exec(ExecOf(plan, "echo on"));
    ASSERT_TRUE(other.ok()) << other.error().text();
    EXPECT_EQ(other->out, "on\n");
  }
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  waiting.join();
  ASSERT_TRUE(held->ok()) << held->error().text();
  EXPECT_EQ((*held)->out, std::string("before\0", 7));
  EXPECT_EQ((*held)->exit_code, 137);
}

TEST_F(ShimTest, ExecOfAMissingProgramIsAnError) {
  StartPause();
  auto plan = Plan("sleep 1000");
  Run(plan);
  auto exec = ExecOf(plan, "");
  exec.process.args = {"no-such-program"};
  EXPECT_NE(Exec(exec).error().text().find("no-such-program"), std::string::npos);
}

TEST_F(ShimTest, ExecNeedsARunningContainer) {
  StartPause();
  auto plan = Plan("exit 0");
  EXPECT_EQ(Exec(ExecOf(plan, "true")).error().code(), Code::kNotFound);
  Run(plan);
  exits_.Of(plan.container_id);
  EXPECT_EQ(Exec(ExecOf(plan, "true")).error().code(), Code::kFailedPrecondition);
}

TEST_F(ShimTest, ManyExecsAtOnceAllAnswer) {
  StartPause();
  auto plan = Plan("sleep 1000");
  Run(plan);
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  std::vector<container::ExecPlan> execs;
  for (int i = 0; i < 20; ++i) execs.push_back(ExecOf(plan, Cat("echo ", std::to_string(i))));
  for (int i = 0; i < 20; ++i)
    threads.emplace_back([&, i] {
      auto result = Exec(execs[static_cast<size_t>(i)]);
      if (result.ok() && result->out == Cat(std::to_string(i), "\n")) ++right;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 20);
}

}  // namespace
}  // namespace cradle::shim
