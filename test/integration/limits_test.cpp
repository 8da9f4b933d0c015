// Limits: what the kernel's files say, and what happens at them.
#include "support/node_test.h"

namespace cradle::test {
namespace {

class Limits : public NodeTest {};

TEST_F(Limits, AreInTheKernelsFiles) {
  auto config = Sleeper("c");
  auto* limits = config.mutable_linux()->mutable_resources();
  limits->set_cpu_shares(512);
  limits->set_cpu_period(50000);
  limits->set_cpu_quota(25000);
  limits->set_memory_limit_in_bytes(64 << 20);
  limits->set_cpuset_cpus("0");
  limits->set_cpuset_mems("0");
  limits->set_oom_score_adj(500);
  std::string container = StartNew(RunPod(PodConfig("pod")), config);
  EXPECT_EQ(Control(container, "cpu.shares", "cpu.weight"), IsCgroupV2() ? "59" : "512");
  EXPECT_EQ(Control(container, "cpu.cfs_period_us", "cpu.max"), IsCgroupV2() ? "25000 50000" : "50000");
  if (!IsCgroupV2()) {
    EXPECT_EQ(Control(container, "cpu.cfs_quota_us", ""), "25000");
  }
  EXPECT_EQ(Control(container, "memory.limit_in_bytes", "memory.max"), std::to_string(64 << 20));
  EXPECT_EQ(Control(container, "cpuset.cpus", "cpuset.cpus"), "0");
  EXPECT_EQ(ReadText("/proc/" + std::to_string(PidOf(container)) + "/oom_score_adj"), "500\n");
  auto told = StatusOf(container).resources().linux();
  EXPECT_EQ(told.cpu_shares(), 512);
  EXPECT_EQ(told.memory_limit_in_bytes(), 64 << 20);
}

TEST_F(Limits, OfMemoryKillAndAreTold) {
  auto config = Shell("c", "tail /dev/zero");
  config.mutable_linux()->mutable_resources()->set_memory_limit_in_bytes(16 << 20);
  std::string container = StartNew(RunPod(PodConfig("pod")), config);
  auto status = WaitExited(container);
  EXPECT_EQ(status.reason(), "OOMKilled");
  EXPECT_NE(status.exit_code(), 0);
}

// Whether the container dies of it as it is made, as it is started or later is the kernel's to say.
TEST_F(Limits, OfMemoryTooLittleToStartSaySo) {
  std::string pod = RunPod(PodConfig("pod"));
  for (int64_t kib = 512; kib <= 1024; kib += 64) {
    SCOPED_TRACE(std::to_string(kib) + " KiB");
    auto config = Shell("c" + std::to_string(kib), "true");
    config.mutable_linux()->mutable_resources()->set_memory_limit_in_bytes(kib << 10);
    auto told = [&](const auto& reply) {
      EXPECT_EQ(reply.code(), grpc::INVALID_ARGUMENT) << reply.text();
      EXPECT_NE(reply.text().find("memory_limit_in_bytes " + std::to_string(kib << 10) + ": too little"), std::string::npos)
          << reply.text();
    };
    auto created = TryCreate(pod, config);
    if (!created.ok()) {
      told(created);
      continue;
    }
    v1::StartContainerRequest request;
    request.set_container_id(created.value.container_id());
    auto started = CRI_CALL(StartContainer, request);
    if (!started.ok()) {
      told(started);
      continue;
    }
    auto status = WaitExited(created.value.container_id());
    EXPECT_TRUE(status.exit_code() == 0 || status.reason() == "OOMKilled") << status.reason() << status.exit_code();
  }
}

TEST_F(Limits, HoldForExecToo) {
  auto config = Sleeper("c");
  config.mutable_linux()->mutable_resources()->set_memory_limit_in_bytes(16 << 20);
  std::string container = StartNew(RunPod(PodConfig("pod")), config);
  EXPECT_NE(Exec(container, {"sh", "-c", "tail /dev/zero"}).exit_code(), 0);
  EXPECT_EQ(StatusOf(container).state(), v1::CONTAINER_RUNNING);
}

TEST_F(Limits, OfDevicesAreTheDefaultOnes) {
  std::string container = StartNew(RunPod(PodConfig("pod")), Sleeper("c"));
  auto made = Exec(container, {"sh", "-c", "echo x > /dev/null && head -c 1 /dev/zero | wc -c; "
                                           "mknod /kmsg c 1 11 && cat /kmsg || echo refused"});
  EXPECT_EQ(made.stdout(), "1\nrefused\n") << made.stderr();
}

}  // namespace
}  // namespace cradle::test
