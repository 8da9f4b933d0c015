// ExecSync: output, codes, limits, and that nothing of it outlives its timeout.
#include <thread>

#include "support/node_test.h"

namespace cradle::test {
namespace {

class Exec : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    container_ = StartNew(RunPod(PodConfig("pod")), Sleeper("c"));
  }
  v1::ExecSyncResponse Run(const std::string& script) { return NodeTest::Exec(container_, {"sh", "-c", script}); }
  std::string container_;
};

TEST_F(Exec, GivesBothStreamsAndTheCode) {
  auto done = Run("printf out; printf err >&2; exit 6");
  EXPECT_EQ(done.stdout(), "out");
  EXPECT_EQ(done.stderr(), "err");
  EXPECT_EQ(done.exit_code(), 6);
}

TEST_F(Exec, TellsASignalAsItsCode) { EXPECT_EQ(Run("kill -KILL $$").exit_code(), 137); }

TEST_F(Exec, HasNoInputAndNoTerminal) { EXPECT_EQ(Run("cat; test -t 0 || echo none").stdout(), "none\n"); }

TEST_F(Exec, HasTheContainersEnvironment) {
  auto config = Sleeper("env");
  auto* env = config.add_envs();
  env->set_key("COLOUR");
  env->set_value("green");
  config.set_working_dir("/bin");
  std::string container = StartNew(RunPod(PodConfig("other")), config);
  EXPECT_EQ(NodeTest::Exec(container, {"sh", "-c", "echo $COLOUR; pwd"}).stdout(), "green\n/bin\n");
}

TEST_F(Exec, SaysThatTheProgramIsMissing) {
  auto reply = TryExec(container_, {"/no/such/program"});
  EXPECT_TRUE(!reply.ok() || reply.value.exit_code() != 0);
  EXPECT_NE((reply.text() + reply.value.stderr()).find("/no/such/program"), std::string::npos);
}

TEST_F(Exec, IsKilledWithAllItsChildrenAtItsTimeout) {
  auto reply = TryExec(container_, {"sh", "-c", "setsid sleep 44444 & sleep 44444"}, 1);
  EXPECT_EQ(reply.code(), grpc::DEADLINE_EXCEEDED) << reply.text();
  EXPECT_TRUE(Eventually([&] { return Run("ps").stdout().find("sleep 44444") == std::string::npos; }));
}

TEST_F(Exec, KeepsSixteenMebibytesOfEachStream) {
  auto done = Run("head -c 20000000 /dev/zero | tr '\\0' x; echo end >&2");
  EXPECT_EQ(done.exit_code(), 0);
  // The whole answer is one message: all of it stays below what a client accepts.
  EXPECT_LE(done.stdout().size(), 16u << 20);
  EXPECT_GT(done.stdout().size(), 15u << 20);
  EXPECT_EQ(done.stderr(), "end\n");
}

TEST_F(Exec, NeedsARunningContainer) {
  StopContainer(container_, 0);
  EXPECT_EQ(TryExec(container_, {"true"}).code(), grpc::FAILED_PRECONDITION);
}

TEST_F(Exec, EndsWhenTheContainerEnds) {
  Reply<v1::ExecSyncResponse> reply;
  std::thread waiting([&] { reply = TryExec(container_, {"sh", "-c", "touch /started; sleep 1000000"}); });
  EXPECT_TRUE(Eventually([&] { return NodeTest::Exec(container_, {"test", "-e", "/started"}).exit_code() == 0; }));
  StopContainer(container_, 0);
  waiting.join();
  EXPECT_TRUE(!reply.ok() || reply.value.exit_code() == 137);
}

TEST_F(Exec, GoesWithItsClient) {
  v1::ExecSyncRequest request;
  request.set_container_id(container_);
  for (const char* word : {"sh", "-c", "trap '' HUP TERM; sleep 77761 & sleep 77761"}) request.add_cmd(word);
  EXPECT_EQ(Call(cri().runtime(), &v1::RuntimeService::Stub::ExecSync, request, std::chrono::seconds(2)).code(), grpc::DEADLINE_EXCEEDED);
  EXPECT_TRUE(Eventually([&] { return Run("ps").stdout().find("sleep 77761") == std::string::npos; }));
}

TEST_F(Exec, RunsManyAtOnce) {
  constexpr int kMany = 16;
  std::vector<std::string> said(kMany);
  std::vector<std::thread> threads;
  for (int i = 0; i < kMany; ++i)
    threads.emplace_back([&, i] {
      auto reply = TryExec(container_, {"echo", std::to_string(i)});
      said[static_cast<size_t>(i)] = reply.ok() ? reply.value.stdout() : reply.text();
    });
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kMany; ++i) EXPECT_EQ(said[static_cast<size_t>(i)], std::to_string(i) + "\n");
}

}  // namespace
}  // namespace cradle::test
