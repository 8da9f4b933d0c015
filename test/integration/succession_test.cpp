// kill -9 of shims: a successor takes each pod over. What ran goes on, no line of a log is lost, ends are told as they were,
// and nothing is left behind.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <future>
#include <thread>

#include "base/sys/process.h"
#include "support/node_test.h"

namespace cradle::test {
namespace {

class Succession : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    std::filesystem::create_directories(gate_);
  }
  void TearDown() override {
    NodeTest::TearDown();
    std::filesystem::remove_all(gate_);
  }

  // Its end waits for Open.
  v1::ContainerConfig Gated(v1::ContainerConfig config) {
    v1::Mount* mount = config.add_mounts();
    mount->set_host_path(gate_);
    mount->set_container_path("/gate");
    return config;
  }
  v1::ContainerConfig Counter() {
    return Gated(Shell("counter", "i=0; until [ -e /gate/open ]; do echo line $i; i=$((i+1)); done; exit 7"));
  }
  // When it is told to; it says when it listens.
  v1::ContainerConfig EndsWith42(const std::string& name) {
    return Shell(name, "trap 'exit 42' TERM; echo listening; while :; do sleep 0.05; done");
  }
  void Open() { WriteText(gate_ + "/open", ""); }
  // What the counter has written: every line once, in order.
  void ExpectWholeLog(const std::string& container) {
    std::vector<std::string> lines = LogLines(container);
    EXPECT_FALSE(lines.empty());
    for (size_t i = 0; i < lines.size(); ++i) {
      std::string due = " stdout F line " + std::to_string(i);
      ASSERT_TRUE(lines[i].ends_with(due)) << "line " << i << ": " << lines[i];
    }
  }
  void EndCounter(const std::string& counter) {
    Open();
    EXPECT_EQ(WaitExited(counter).exit_code(), 7);
    ExpectWholeLog(counter);
  }
  // It was created and not started; its code is 5.
  void ExpectStarts(const std::string& created) {
    EXPECT_EQ(StatusOf(created).state(), v1::CONTAINER_CREATED);
    Start(created);
    EXPECT_EQ(WaitExited(created).exit_code(), 5);
  }
  // False when there is none in time.
  bool HasSuccessor(const std::string& pod, pid_t dead) {
    return Eventually([&] {
      pid_t shim = ShimOf(pod);
      return shim != 0 && shim != dead;
    });
  }
  void KillShim(const std::string& pod) {
    pid_t shim = ShimOf(pod);
    ASSERT_EQ(::kill(shim, SIGKILL), 0);
    ASSERT_TRUE(HasSuccessor(pod, shim));
  }
  void WaitForGrowth(const std::string& container) {
    std::string path = StatusOf(container).log_path();
    std::error_code none;
    auto size = std::filesystem::file_size(path, none);
    ASSERT_TRUE(Eventually([&] { return std::filesystem::file_size(path, none) != size; }));
  }

  std::string gate_ = daemon().dir() + "/volume";
};

TEST_F(Succession, ContainersLogsAndExitCodesGoOn) {
  std::string pod = RunPod(PodConfig("pod", Net::kBridge));
  std::string counter = StartNew(pod, Counter()), idle = StartNew(pod, Sleeper("idle"));
  auto before_pod = PodStatus(pod);
  auto before = StatusOf(idle);
  pid_t counting = PidOf(counter), sleeping = PidOf(idle);
  for (int i = 0; i < 10; ++i) {
    WaitForGrowth(counter);
    KillShim(pod);
  }
  WaitForGrowth(counter);
  EXPECT_EQ(PidOf(counter), counting);
  EXPECT_EQ(PidOf(idle), sleeping);
  EXPECT_EQ(PodStatus(pod).SerializeAsString(), before_pod.SerializeAsString());
  EXPECT_EQ(StatusOf(idle).DebugString(), before.DebugString());
  EXPECT_EQ(Exec(idle, {"echo", "alive"}).stdout(), "alive\n");
  EXPECT_EQ(Exec(counter, {"sh", "-c", "exit 3"}).exit_code(), 3);
  Open();
  auto exit = WaitExited(counter);
  EXPECT_EQ(exit.exit_code(), 7);
  EXPECT_EQ(exit.reason(), "Error");
  EXPECT_EQ(exit.started_at(), StatusOf(counter).started_at());
  ExpectWholeLog(counter);
  StopContainer(idle, 0);
  EXPECT_EQ(StatusOf(idle).exit_code(), 137);
  RemoveContainer(idle);
  StartNew(pod, Sleeper("new"));
}

TEST_F(Succession, AnEndMeanwhileIsToldAsItWas) {
  std::string pod = RunPod(PodConfig("pod"));
  std::string container = StartNew(pod, EndsWith42("c"));
  ASSERT_TRUE(WaitForLog(container, "listening"));
  pid_t pid = PidOf(container);
  // It ends between the two shims, or under the new one: nobody can tell.
  ASSERT_EQ(::kill(ShimOf(pod), SIGKILL), 0);
  ASSERT_EQ(::kill(pid, SIGTERM), 0);
  auto exit = WaitExited(container);
  EXPECT_EQ(exit.exit_code(), 42);
  EXPECT_EQ(exit.reason(), "Error");
  EXPECT_EQ(PodStatus(pod).state(), v1::SANDBOX_READY);
}

TEST_F(Succession, CommandsOfADeadShimEnd) {
  std::string pod = RunPod(PodConfig("pod"));
  std::string container = StartNew(pod, Gated(Sleeper("c")));
  Reply<v1::ExecSyncResponse> reply;
  std::thread running([&] { reply = TryExec(container, {"sh", "-c", "touch /gate/begun; sleep 98765 & sleep 98765"}); });
  EXPECT_TRUE(Eventually([&] { return std::filesystem::exists(gate_ + "/begun"); }));
  KillShim(pod);
  running.join();
  EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::UNAVAILABLE) << reply.text();
  EXPECT_EQ(Exec(container, {"ps"}).stdout().find("98765"), std::string::npos);
}

TEST_F(Succession, OfAShimThatDiedWithTheDaemon) {
  std::string pod = RunPod(PodConfig("pod", Net::kBridge));
  std::string counter = StartNew(pod, Counter());
  std::string ending = StartNew(pod, EndsWith42("ending"));
  ASSERT_TRUE(WaitForLog(ending, "listening"));
  std::string created = CreateContainer(pod, Shell("created", "exit 5"));
  pid_t counting = PidOf(counter), shim = ShimOf(pod), pid = PidOf(ending);
  auto before = PodStatus(pod);
  KillDaemon();
  ASSERT_EQ(::kill(shim, SIGKILL), 0);
  ASSERT_EQ(::kill(pid, SIGTERM), 0);
  // Over; whoever it has come to may take its time to reap it.
  ASSERT_TRUE(Eventually([&] {
    std::string stat = ReadText("/proc/" + std::to_string(pid) + "/stat");
    return stat.empty() || stat.find(") Z ") != std::string::npos;
  }));
  Restart();
  EXPECT_EQ(PodStatus(pod).SerializeAsString(), before.SerializeAsString());
  EXPECT_EQ(PidOf(counter), counting);
  EXPECT_EQ(Exec(counter, {"echo", "alive"}).stdout(), "alive\n");
  auto exit = WaitExited(ending);
  if (exit.reason() == "Unknown")  // before Linux 6.15, and its reaper was faster
    EXPECT_EQ(exit.exit_code(), 255);
  else
    EXPECT_EQ(exit.exit_code(), 42);
  ExpectStarts(created);
  EndCounter(counter);
  sys::ReapStrangers();  // as a node's init does: pause can't go before
}

TEST_F(Succession, ACreatedContainerCanBeStarted) {
  std::string pod = RunPod(PodConfig("pod"));
  std::string container = CreateContainer(pod, Shell("c", "echo started; exit 5"));
  KillShim(pod);
  EXPECT_EQ(StatusOf(container).state(), v1::CONTAINER_CREATED);
  Start(container);
  EXPECT_EQ(WaitExited(container).exit_code(), 5);
  EXPECT_EQ(LogLines(container).size(), 1u);
}

TEST_F(Succession, ATerminalGoesOn) {
  auto config = Gated(Shell("c", "echo before; until [ -e /gate/open ]; do sleep 0.05; done; echo after; exit 6"));
  config.set_tty(true);
  std::string pod = RunPod(PodConfig("pod"));
  std::string container = StartNew(pod, config);
  ASSERT_TRUE(WaitForLog(container, "before"));
  KillShim(pod);
  EXPECT_EQ(StatusOf(container).state(), v1::CONTAINER_RUNNING);
  Open();
  EXPECT_EQ(WaitExited(container).exit_code(), 6);
  EXPECT_TRUE(WaitForLog(container, "after"));
}

TEST_F(Succession, ViewsAreAnsweredAgain) {
  auto config = Sleeper("c");
  auto* security = config.mutable_linux()->mutable_security_context();
  security->add_masked_paths("/proc/kcore");
  config.mutable_linux()->mutable_resources()->set_memory_limit_in_bytes(64 << 20);
  std::string pod = RunPod(PodConfig("pod"));
  std::string container = StartNew(pod, config);
  std::string path = "/proc/" + std::to_string(PidOf(container)) + "/root/proc/meminfo";
  auto total = [&] {
    std::string text = ReadText(path);
    size_t at = text.find("MemTotal:");
    return at == std::string::npos ? 0ul : std::stoul(text.substr(at + 9));
  };
  ASSERT_EQ(total(), 65536u);
  std::atomic<bool> stop = false;
  std::atomic<int> answers = 0;
  std::thread reader([&] {
    // The one that was being answered at a death may fail; nobody waits for ever, or sees the host's.
    for (; !stop; ++answers) {
      unsigned long got = total();
      EXPECT_TRUE(got == 65536u || got == 0u) << got;
    }
  });
  for (int i = 0; i < 10; ++i) {
    int seen = answers;
    KillShim(pod);
    EXPECT_TRUE(Eventually([&] { return answers > seen + 1; }));
  }
  stop = true;
  reader.join();
  EXPECT_EQ(total(), 65536u);
}

TEST_F(Succession, AHundredDeathsUnderLoad) {
  constexpr int kPods = 5, kDeaths = 20;
  std::vector<std::string> pods, counters;
  for (int i = 0; i < kPods; ++i) {
    pods.push_back(RunPod(PodConfig("pod-" + std::to_string(i))));
    counters.push_back(StartNew(pods.back(), Counter()));
  }
  std::vector<pid_t> pids;
  for (const std::string& counter : counters) pids.push_back(PidOf(counter));
  for (int i = 0; i < kDeaths; ++i) {
    std::vector<pid_t> dead;
    for (const std::string& pod : pods) {
      dead.push_back(ShimOf(pod));
      ASSERT_EQ(::kill(dead.back(), SIGKILL), 0);
    }
    for (int j = 0; j < kPods; ++j) ASSERT_TRUE(HasSuccessor(pods[static_cast<size_t>(j)], dead[static_cast<size_t>(j)]));
  }
  for (size_t i = 0; i < kPods; ++i) {
    EXPECT_EQ(PidOf(counters[i]), pids[i]);
    EXPECT_EQ(Exec(counters[i], {"echo", "alive"}).stdout(), "alive\n");
  }
  Open();
  for (const std::string& counter : counters) {
    EXPECT_EQ(WaitExited(counter).exit_code(), 7);
    ExpectWholeLog(counter);
  }
}

// Each is killed as soon as it is seen: most have not taken over by then.
TEST_F(Succession, ASuccessorMayDieToo) {
  std::string pod = RunPod(PodConfig("pod"));
  std::string counter = StartNew(pod, Counter()), created = CreateContainer(pod, Shell("created", "exit 5"));
  for (int i = 0; i < 12; ++i) KillShim(pod);
  EXPECT_EQ(Exec(counter, {"echo", "alive"}).stdout(), "alive\n");
  ExpectStarts(created);
  EndCounter(counter);
}

// Whatever is under way: it succeeds or fails, and the pod is as good as before.
TEST_F(Succession, InTheMiddleOfRequests) {
  std::string pod = RunPod(PodConfig("pod"));
  std::string counter = StartNew(pod, Counter());
  std::atomic<int> requests = 0;
  auto kubelet = std::async(std::launch::async, [&] {
    for (uint32_t attempt = 0; attempt < 10; ++attempt) {
      auto config = Shell("c", "sleep 0.01; echo done; exit 5");
      config.mutable_metadata()->set_attempt(attempt);
      auto created = TryCreate(pod, config);
      ++requests;
      if (!created.ok()) continue;
      v1::StartContainerRequest start;
      start.set_container_id(created.value.container_id());
      auto started = CRI_CALL(StartContainer, start);
      ++requests;
      (void)TryExec(counter, {"true"});
      ++requests;
      if (started.ok()) {
        auto exit = WaitExited(start.container_id());
        EXPECT_TRUE(exit.exit_code() == 5 || exit.reason() == "Unknown") << exit.DebugString();
      }
      v1::RemoveContainerRequest remove;
      remove.set_container_id(start.container_id());
      EXPECT_TRUE(Eventually([&] { return CRI_CALL(RemoveContainer, remove).ok(); }));
      ++requests;
    }
  });
  auto done = [&] { return kubelet.wait_for(std::chrono::seconds(0)) == std::future_status::ready; };
  for (int i = 0; i < 20 && !done(); ++i) {
    int seen = requests;
    EXPECT_TRUE(Eventually([&] { return requests > seen + i % 4 || done(); }));
    KillShim(pod);
  }
  kubelet.get();
  EXPECT_EQ(PodStatus(pod).state(), v1::SANDBOX_READY);
  EXPECT_EQ(WaitExited(StartNew(pod, Shell("last", "exit 6"))).exit_code(), 6);
  EndCounter(counter);
}

TEST_F(Succession, KillsForMemoryAreCounted) {
  auto small = [&](const std::string& name, const std::string& script) {
    auto config = Gated(Shell(name, script));
    config.mutable_linux()->mutable_resources()->set_memory_limit_in_bytes(8 << 20);
    return config;
  };
  const std::string wait = "until [ -e /gate/open ]; do sleep 0.05; done; ";
  std::string pod = RunPod(PodConfig("pod"));
  std::string before = StartNew(pod, small("before", wait + "exit 3"));
  std::string after = StartNew(pod, small("after", wait + "exec tail /dev/zero"));
  std::string never = StartNew(pod, small("never", wait + "exit 3"));
  EXPECT_NE(Exec(before, {"tail", "/dev/zero"}).exit_code(), 0);
  KillShim(pod);
  Open();
  EXPECT_EQ(WaitExited(before).reason(), "OOMKilled");
  EXPECT_EQ(WaitExited(after).reason(), "OOMKilled");
  EXPECT_EQ(WaitExited(never).reason(), "Error");
  // And with nobody there to see.
  std::filesystem::remove(gate_ + "/open");
  std::string during = StartNew(pod, small("during", "(" + wait + "exec tail /dev/zero); touch /gate/seen; exec sleep 1000"));
  pid_t shim = ShimOf(pod);
  KillDaemon();
  ASSERT_EQ(::kill(shim, SIGKILL), 0);
  Open();
  ASSERT_TRUE(Eventually([&] { return std::filesystem::exists(gate_ + "/seen"); }));
  Restart();
  StopContainer(during, 0);
  EXPECT_EQ(StatusOf(during).reason(), "OOMKilled");
  sys::ReapStrangers();
}

v1::PodSandboxConfig MappedPod(v1::NamespaceMode pids) {
  auto config = NodeTest::PodConfig("mapped", Net::kBridge);
  auto* options = config.mutable_linux()->mutable_security_context()->mutable_namespace_options();
  options->set_pid(pids);
  auto* users = options->mutable_userns_options();
  users->set_mode(v1::POD);
  for (auto* range : {users->add_uids(), users->add_gids()}) {
    range->set_host_id(524288);
    range->set_length(65536);
  }
  return config;
}

TEST_F(Succession, InAUserNamespace) {
  if (!HasUserNamespaces()) GTEST_SKIP() << "needs Linux 6.13";
  for (v1::NamespaceMode pids : {v1::CONTAINER, v1::POD}) {
    auto seeing = [&](v1::ContainerConfig config) {
      config.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_pid(pids);
      return config;
    };
    std::string pod = RunPod(MappedPod(pids));
    std::string running = StartNew(pod, seeing(EndsWith42("running")));
    ASSERT_TRUE(WaitForLog(running, "listening"));
    std::string created = CreateContainer(pod, seeing(Sleeper("created")));
    pid_t pid = PidOf(running);
    for (int i = 0; i < 2; ++i) KillShim(pod);
    EXPECT_EQ(PidOf(running), pid);
    Start(created);
    std::string fresh = StartNew(pod, seeing(Sleeper("new")));
    for (const std::string& one : {running, created, fresh})
      EXPECT_NE(Exec(one, {"cat", "/proc/self/uid_map"}).stdout().find(" 524288 "), std::string::npos);
    StopContainer(running, 60);
    EXPECT_EQ(StatusOf(running).exit_code(), 42);
    RemovePod(pod);
  }
}

TEST_F(Succession, EndsWhereShimsDieAgainAndAgain) {
  std::string pod = RunPod(PodConfig("pod", Net::kBridge));
  std::string container = StartNew(pod, Sleeper("c"));
  EXPECT_TRUE(Eventually([&] {
    if (pid_t shim = ShimOf(pod)) ::kill(shim, SIGKILL);
    return PodStatus(pod).state() == v1::SANDBOX_NOTREADY;
  }));
  auto exit = WaitExited(container);
  EXPECT_NE(exit.message().find("times within a minute"), std::string::npos) << exit.message();
}

void KillPause(const std::string& pod) {
  std::string group = "/" + pod;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::string cgroup = ReadText(entry.path().string() + "/cgroup");
    if (cgroup.find(group + "\n") == std::string::npos || cgroup.find("shims" + group) != std::string::npos) continue;
    EXPECT_TRUE(::kill(std::stoi(entry.path().filename()), SIGKILL) == 0 || errno == ESRCH);  // they end together
  }
}

// As the kernel does it where a pod is out of memory. What runs goes on until the kubelet stops it, and makes another pod.
TEST_F(Succession, OfPauseThereIsNone) {
  auto config = PodConfig("pod", Net::kBridge);
  auto shell = Shell("c", "trap 'exit 3' TERM; while :; do sleep 0.01; done");
  // Else pause's child is their PID 1, and they end with it.
  config.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_pid(v1::CONTAINER);
  shell.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_pid(v1::CONTAINER);
  std::string pod = RunPod(config);
  std::string container = StartNew(pod, shell);
  KillPause(pod);
  EXPECT_TRUE(Eventually([&] { return PodStatus(pod).state() == v1::SANDBOX_NOTREADY; }));
  EXPECT_EQ(StatusOf(container).state(), v1::CONTAINER_RUNNING);
  EXPECT_EQ(TryCreate(pod, Sleeper("late")).code(), grpc::FAILED_PRECONDITION);
  EXPECT_EQ(Exec(container, {"echo", "on"}).stdout(), "on\n");
  std::string next = RunPod(PodConfig("next", Net::kBridge));
  StopContainer(container, 60);
  EXPECT_EQ(StatusOf(container).exit_code(), 3);
  StopPod(pod);
  RemovePod(pod);
  StartNew(next, Sleeper("c"));
}

TEST_F(Succession, WhileNoDaemonRunsPauseHasNoneEither) {
  std::string pod = RunPod(PodConfig("pod", Net::kBridge));
  std::string container = StartNew(pod, Sleeper("c"));
  KillDaemon();
  KillPause(pod);
  Restart();
  EXPECT_TRUE(Eventually([&] { return PodStatus(pod).state() == v1::SANDBOX_NOTREADY; }));
  EXPECT_EQ(WaitExited(container).exit_code(), 137);
}

TEST_F(Succession, WithoutPauseThePodEnds) {
  std::string pod = RunPod(PodConfig("pod", Net::kBridge));
  std::string container = StartNew(pod, Sleeper("c"));
  pid_t shim = ShimOf(pod);
  ASSERT_EQ(::kill(shim, SIGSTOP), 0);
  KillPause(pod);
  ASSERT_EQ(::kill(shim, SIGKILL), 0);
  EXPECT_TRUE(Eventually([&] { return PodStatus(pod).state() == v1::SANDBOX_NOTREADY; }));
  auto exit = WaitExited(container);
  EXPECT_NE(exit.message().find("has no successor"), std::string::npos) << exit.message();
  EXPECT_EQ(exit.exit_code(), 137);
}

}  // namespace
}  // namespace cradle::test
