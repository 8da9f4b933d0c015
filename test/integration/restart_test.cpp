// kill -9 of cradled and a new one: pods keep their processes, logs go on, exits are told as they were, and records
// that can't be read stop nothing.
#include <signal.h>

#include <filesystem>
#include <thread>

#include "support/node_test.h"

namespace cradle::test {
namespace {

class Restart : public NodeTest {
 protected:
  void KillAndStart() {
    KillDaemon();
    NodeTest::Restart();
  }
};

TEST_F(Restart, PodsKeepTheirProcesses) {
  std::string pod = RunPod(PodConfig("kept", Net::kBridge));
  std::string container = StartNew(pod, Sleeper("c"));
  pid_t pid = PidOf(container), shim = ShimOf(pod);
  auto before_pod = PodStatus(pod);
  auto before = StatusOf(container);
  KillAndStart();
  EXPECT_EQ(PidOf(container), pid);
  EXPECT_EQ(ShimOf(pod), shim);
  EXPECT_EQ(PodStatus(pod).SerializeAsString(), before_pod.SerializeAsString());
  EXPECT_EQ(StatusOf(container).DebugString(), before.DebugString());
  EXPECT_EQ(Exec(container, {"echo", "alive"}).stdout(), "alive\n");
}

TEST_F(Restart, TermLeavesPodsRunning) {
  std::string container = StartNew(RunPod(PodConfig("kept")), Sleeper("c"));
  pid_t pid = PidOf(container);
  daemon().Stop();
  EXPECT_EQ(::kill(pid, 0), 0);
  NodeTest::Restart();
  EXPECT_EQ(StatusOf(container).state(), v1::CONTAINER_RUNNING);
}

TEST_F(Restart, LogsGoOnWithoutADaemon) {
  std::string gate = daemon().dir() + "/volume";
  std::filesystem::create_directories(gate);
  auto config = Shell("c", "echo before; until [ -e /gate/dead ]; do sleep 0.05; done; seq 1 1000; echo after; "
                           "touch /gate/written; sleep 1000000");
  auto* mount = config.add_mounts();
  mount->set_host_path(gate);
  mount->set_container_path("/gate");
  std::string container = StartNew(RunPod(PodConfig("pod")), config);
  ASSERT_TRUE(WaitForLog(container, "before"));
  std::string path = StatusOf(container).log_path();
  KillDaemon();
  WriteText(gate + "/dead", "");
  EXPECT_TRUE(Eventually([&] { return ReadText(path).find(" F after\n") != std::string::npos; }))
      << "written while no daemon runs";
  NodeTest::Restart();
  EXPECT_EQ(LogLines(container).size(), 1002u);
  std::filesystem::remove_all(gate);
}

TEST_F(Restart, AnExitMeanwhileIsToldAsItWas) {
  std::string gate = daemon().dir() + "/volume";
  std::filesystem::create_directories(gate);
  auto config = Shell("c", "until [ -e /gate/dead ]; do sleep 0.05; done; exit 42");
  auto* mount = config.add_mounts();
  mount->set_host_path(gate);
  mount->set_container_path("/gate");
  std::string pod = RunPod(PodConfig("pod"));
  std::string container = StartNew(pod, config);
  KillDaemon();
  WriteText(gate + "/dead", "");
  // Its process may be gone before the shim has looked at the clock.
  ASSERT_TRUE(Eventually([&] { return !ReadText(daemon().state() + "/pods/" + pod + "/exit." + container).empty(); }));
  int64_t gone = std::chrono::duration_cast<std::chrono::nanoseconds>(
                     std::chrono::system_clock::now().time_since_epoch()).count();
  NodeTest::Restart();
  auto status = WaitExited(container);
  EXPECT_EQ(status.exit_code(), 42);
  EXPECT_EQ(status.reason(), "Error");
  EXPECT_LE(status.finished_at(), gone) << "the time of the exit, not of the restart";
  EXPECT_GT(status.finished_at(), status.started_at());
  std::filesystem::remove_all(gate);
}

TEST_F(Restart, ExitsAreStillKnownAfterTheNextOne) {
  std::string container = StartNew(RunPod(PodConfig("pod")), Shell("c", "exit 3"));
  auto before = WaitExited(container);
  KillAndStart();
  KillAndStart();
  EXPECT_EQ(StatusOf(container).DebugString(), before.DebugString());
}

TEST_F(Restart, ACreatedContainerCanBeStarted) {
  std::string container = CreateContainer(RunPod(PodConfig("pod")), Sleeper("c"));
  KillAndStart();
  EXPECT_EQ(StatusOf(container).state(), v1::CONTAINER_CREATED);
  Start(container);
  EXPECT_EQ(StatusOf(container).state(), v1::CONTAINER_RUNNING);
}

TEST_F(Restart, AStoppedPodStaysStopped) {
  std::string pod = RunPod(PodConfig("pod", Net::kBridge));
  StopPod(pod);
  KillAndStart();
  EXPECT_EQ(PodStatus(pod).state(), v1::SANDBOX_NOTREADY);
}

TEST_F(Restart, InTheMiddleOfManyRequestsLeavesNothing) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i)
    threads.emplace_back([&, i] {
      v1::RunPodSandboxRequest request;
      *request.mutable_config() = PodConfig("busy-" + std::to_string(i), i % 2 ? Net::kBridge : Net::kHost);
      grpc::ClientContext context;
      v1::RunPodSandboxResponse response;
      (void)cri().runtime().RunPodSandbox(&context, request, &response);
    });
  EXPECT_TRUE(Eventually([&] { return !RecordedIds(daemon()).empty(); }));
  KillDaemon();
  for (std::thread& thread : threads) thread.join();
  NodeTest::Restart();
  for (const v1::PodSandbox& pod : Pods()) RemovePod(pod.id());
}

TEST_F(Restart, CorruptRecordsStopNothing) {
  std::string good = RunPod(PodConfig("good")), bad = RunPod(PodConfig("bad")), empty = RunPod(PodConfig("empty"));
  std::string kept = StartNew(good, Sleeper("kept")), lost = StartNew(good, Sleeper("lost"));
  Remember();
  KillDaemon();
  WriteText(daemon().root() + "/pods/" + bad + "/pod.json", "{\"id\": \x01 nonsense");
  WriteText(daemon().root() + "/pods/" + empty + "/pod.json", "");
  WriteText(daemon().root() + "/containers/" + lost + "/container.json", "[]");
  std::filesystem::create_directories(daemon().root() + "/pods/not-an-id");
  NodeTest::Restart();
  EXPECT_EQ(PodStatus(good).state(), v1::SANDBOX_READY);
  EXPECT_EQ(StatusOf(kept).state(), v1::CONTAINER_RUNNING);
  EXPECT_EQ(Exec(kept, {"echo", "alive"}).stdout(), "alive\n");
  EXPECT_EQ(Pods().size(), 1u);
  EXPECT_NE(daemon().log().find(bad.substr(0, 12)), std::string::npos) << "what was set aside is told";
  // What was set aside is kept for people to look at; its processes, mounts and groups are gone (the listener).
  std::filesystem::remove_all(daemon().root() + "/quarantine");
}

TEST_F(Restart, MissingRunStateStopsNothing) {
  std::string pod = RunPod(PodConfig("pod", Net::kBridge));
  std::string container = StartNew(pod, Sleeper("c"));
  Remember();
  KillDaemon();
  std::filesystem::remove(daemon().state() + "/pods/" + pod + "/shim.sock");
  NodeTest::Restart();
  // Nobody can ask the shim: another one takes its pod over.
  EXPECT_EQ(PodStatus(pod).state(), v1::SANDBOX_READY);
  EXPECT_EQ(StatusOf(container).state(), v1::CONTAINER_RUNNING);
}

}  // namespace
}  // namespace cradle::test
