// OOMKilled is told whenever the kernel killed in a container for want of memory: whichever process it was, and
// whoever was there to see.
#include <cstdlib>

#include "support/node_test.h"

namespace cradle::test {
namespace {

constexpr int64_t kMemory = 8 << 20;
constexpr char kGrow[] = "tail /dev/zero";

class Oom : public NodeTest {
 protected:
  static v1::ContainerConfig Small(v1::ContainerConfig config) {
    config.mutable_linux()->mutable_resources()->set_memory_limit_in_bytes(kMemory);
    return config;
  }
};

// CRADLE_TEST_OOM_ROUNDS: how many.
int Rounds() {
  const char* rounds = std::getenv("CRADLE_TEST_OOM_ROUNDS");
  return rounds ? std::atoi(rounds) : 100;
}

TEST_F(Oom, IsToldEveryTime) {
  std::string pod = RunPod(PodConfig("pod"));
  int told = 0;
  for (int i = 0; i < Rounds(); ++i) {
    // In turn the first process, and a child of one that goes on.
    std::string name = "c" + std::to_string(i);
    auto config = i % 2 ? Shell(name, std::string(kGrow) + "; exit 3") : ContainerConfig(name, {"tail", "/dev/zero"});
    std::string container = StartNew(pod, Small(config));
    told += WaitExited(container).reason() == "OOMKilled";
    RemoveContainer(container);
  }
  EXPECT_EQ(told, Rounds());
}

TEST_F(Oom, InAGroupThatTheContainerMadeIsTold) {
  auto pod_config = PodConfig("pod");
  pod_config.mutable_linux()->mutable_security_context()->set_privileged(true);
  std::string group = std::string(IsCgroupV2() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory") + "/below";
  auto config = Small(Shell("c", "mkdir " + group + " || exit 9; sh -c 'echo $$ > " + group + "/cgroup.procs; " + kGrow +
                                     "'; exit 3"));
  config.mutable_linux()->mutable_security_context()->set_privileged(true);
  std::string container = StartNew(RunPod(pod_config), config);
  auto status = WaitExited(container);
  EXPECT_EQ(status.exit_code(), 3);
  EXPECT_EQ(status.reason(), "OOMKilled");
}

TEST_F(Oom, WhileTheDaemonIsDeadIsToldAfterwards) {
  TempDir shared;
  auto config = Small(Shell("c", std::string("while [ ! -e /shared/go ]; do sleep 0.1; done; ") + kGrow));
  auto* mount = config.add_mounts();
  mount->set_host_path(shared.path());
  mount->set_container_path("/shared");
  std::string pod = RunPod(PodConfig("pod"));
  std::string container = StartNew(pod, config);
  KillDaemon();
  WriteText(shared.path() + "/go", "");
  EXPECT_TRUE(Eventually([&] { return !ReadText(daemon().state() + "/pods/" + pod + "/exit." + container).empty(); }));
  Restart();
  EXPECT_EQ(WaitExited(container).reason(), "OOMKilled");
}

// What a limit kills in an exec is the container's too, but doesn't end it.
TEST_F(Oom, OfAnExecCountsWhenTheContainerEnds) {
  std::string container = StartNew(RunPod(PodConfig("pod")), Small(Sleeper("c")));
  EXPECT_NE(Exec(container, {"tail", "/dev/zero"}).exit_code(), 0);
  EXPECT_EQ(StatusOf(container).state(), v1::CONTAINER_RUNNING);
  StopContainer(container, 0);
  EXPECT_EQ(StatusOf(container).reason(), "OOMKilled");
}

}  // namespace
}  // namespace cradle::test
