// Updates of what runs: the kernel's files, the status and the record say the same, before a restart and after it.
#include "support/node_test.h"

namespace cradle::test {
namespace {

class Update : public NodeTest {
 protected:
  using Resources = v1::LinuxContainerResources;

  static Resources Memory(int64_t bytes) {
    Resources resources;
    resources.set_memory_limit_in_bytes(bytes);
    return resources;
  }
  Reply<v1::UpdateContainerResourcesResponse> TryUpdate(const std::string& container, const Resources& resources) {
    v1::UpdateContainerResourcesRequest request;
    request.set_container_id(container);
    *request.mutable_linux() = resources;
    return CRI_CALL(UpdateContainerResources, request);
  }
  Resources Told(const std::string& container) { return StatusOf(container).resources().linux(); }
  std::string MemoryLimit(const std::string& container) {
    return Control(container, "memory.limit_in_bytes", "memory.max");
  }
  // Of 512 shares, until they are changed.
  bool HasItsShares(const std::string& container) {
    return Control(container, "cpu.shares", "cpu.weight") == (IsCgroupV2() ? "59" : "512") &&
           Told(container).cpu_shares() == 512;
  }
  static v1::ContainerConfig Limited(v1::ContainerConfig config) {
    auto* limits = config.mutable_linux()->mutable_resources();
    limits->set_cpu_shares(512);
    limits->set_cpu_period(100000);
    limits->set_cpu_quota(20000);
    limits->set_memory_limit_in_bytes(64 << 20);
    return config;
  }
};

TEST_F(Update, ChangesWhatIsSetAndNothingElse) {
  std::string container = StartNew(RunPod(PodConfig("pod")), Limited(Sleeper("c")));
  Must(TryUpdate(container, Memory(128 << 20)));
  EXPECT_EQ(MemoryLimit(container), std::to_string(128 << 20));
  Resources told = Told(container);
  EXPECT_EQ(told.memory_limit_in_bytes(), 128 << 20);
  EXPECT_EQ(told.cpu_shares(), 512);
  EXPECT_EQ(told.cpu_quota(), 20000);
  Resources unlimited;
  unlimited.set_cpu_quota(-1);
  Must(TryUpdate(container, unlimited));
  EXPECT_EQ(Told(container).cpu_quota(), -1);
  Must(TryUpdate(container, Memory(32 << 20)));
  EXPECT_EQ(MemoryLimit(container), std::to_string(32 << 20));
  EXPECT_EQ(Told(container).cpu_quota(), -1);
}

TEST_F(Update, OfACreatedContainerHoldsOnceItRuns) {
  std::string container = CreateContainer(RunPod(PodConfig("pod")), Limited(Sleeper("c")));
  Must(TryUpdate(container, Memory(128 << 20)));
  Start(container);
  EXPECT_EQ(MemoryLimit(container), std::to_string(128 << 20));
  EXPECT_EQ(Told(container).memory_limit_in_bytes(), 128 << 20);
}

TEST_F(Update, IsKeptOverARestart) {
  std::string container = StartNew(RunPod(PodConfig("pod")), Limited(Sleeper("c")));
  Must(TryUpdate(container, Memory(128 << 20)));
  Restart();
  Resources told = Told(container);
  EXPECT_EQ(told.memory_limit_in_bytes(), 128 << 20);
  EXPECT_EQ(told.cpu_shares(), 512);
}

TEST_F(Update, BelowWhatIsUsedIsRefusedAndChangesNothing) {
  if (Lines(ReadText("/proc/swaps")).size() > 1) GTEST_SKIP() << "what is used may go to swap";
  // A tmpfs's pages are its writer's.
  auto config = Limited(Shell("c", "dd if=/dev/zero of=/dev/shm/x bs=1M count=8; echo full; sleep 1000000"));
  std::string container = StartNew(RunPod(PodConfig("pod")), config);
  ASSERT_TRUE(WaitForLog(container, "full"));
  Resources low = Memory(4 << 20);
  low.set_cpu_shares(100);
  auto reply = TryUpdate(container, low);
  EXPECT_EQ(reply.code(), grpc::FAILED_PRECONDITION) << reply.text();
  EXPECT_NE(reply.text().find("memory_limit_in_bytes 4194304: below what"), std::string::npos) << reply.text();
  EXPECT_EQ(MemoryLimit(container), std::to_string(64 << 20));
  EXPECT_TRUE(HasItsShares(container));
  EXPECT_EQ(Told(container).memory_limit_in_bytes(), 64 << 20);
}

TEST_F(Update, ThatContradictsIsInvalidAndChangesNothing) {
  auto config = Limited(Sleeper("c"));
  config.mutable_linux()->mutable_resources()->set_memory_swap_limit_in_bytes(64 << 20);
  std::string container = StartNew(RunPod(PodConfig("pod")), config);
  auto refused = [&](const char* field, auto spoil) {
    Resources resources;
    resources.set_cpu_shares(100);
    spoil(resources);
    auto reply = TryUpdate(container, resources);
    EXPECT_EQ(reply.code(), grpc::INVALID_ARGUMENT) << reply.text();
    EXPECT_NE(reply.text().find(field), std::string::npos) << reply.text();
    EXPECT_TRUE(HasItsShares(container));
  };
  refused("memory_limit_in_bytes 1000", [](auto& r) { r.set_memory_limit_in_bytes(1000); });
  refused("memory_swap_limit_in_bytes 67108864", [](auto& r) { r.set_memory_limit_in_bytes(128 << 20); });
  refused("cpu_quota 999", [](auto& r) { r.set_cpu_quota(999); });
  refused("cpuset_cpus \"0-9999\"", [](auto& r) { r.set_cpuset_cpus("0-9999"); });
  refused("unified \"memory/high\"", [](auto& r) { (*r.mutable_unified())["memory/high"] = "1"; });
  refused("unified \"memory.nonsense\"", [](auto& r) { (*r.mutable_unified())["memory.nonsense"] = "1"; });
}

TEST_F(Update, OfSwapAloneNeedsALimitOfMemory) {
  std::string container = StartNew(RunPod(PodConfig("pod")), Sleeper("c"));
  Resources swap;
  swap.set_memory_swap_limit_in_bytes(64 << 20);
  auto reply = TryUpdate(container, swap);
  EXPECT_EQ(reply.code(), grpc::INVALID_ARGUMENT) << reply.text();
  EXPECT_NE(reply.text().find("memory_swap_limit_in_bytes 67108864: needs a memory_limit_in_bytes"), std::string::npos) << reply.text();
  EXPECT_EQ(Told(container).memory_swap_limit_in_bytes(), 0);
  Must(TryUpdate(container, Memory(32 << 20)));
  Must(TryUpdate(container, swap));
  EXPECT_EQ(Told(container).memory_swap_limit_in_bytes(), 64 << 20);
}

TEST_F(Update, OfWhatIsOverOrNotThereIsRefused) {
  std::string pod = RunPod(PodConfig("pod"));
  std::string container = StartNew(pod, Shell("c", "exit 0"));
  WaitExited(container);
  EXPECT_EQ(TryUpdate(container, Memory(64 << 20)).code(), grpc::FAILED_PRECONDITION);
  EXPECT_EQ(TryUpdate(std::string(64, '0'), Memory(64 << 20)).code(), grpc::NOT_FOUND);
}

TEST_F(Update, OfAPodIsRememberedOverARestart) {
  std::string pod = RunPod(PodConfig("pod"));
  v1::UpdatePodSandboxResourcesRequest request;
  request.set_pod_sandbox_id(pod);
  request.mutable_resources()->set_memory_limit_in_bytes(98765432);
  Must(CRI_CALL(UpdatePodSandboxResources, request));
  auto shown = [&] {
    ::cradle::v1::InspectRequest inspect;
    inspect.set_id(pod);
    return Must(Call(cri().debug(), &::cradle::v1::Debug::Stub::Inspect, inspect)).json();
  };
  EXPECT_NE(shown().find("98765432"), std::string::npos) << shown();
  Restart();
  EXPECT_NE(shown().find("98765432"), std::string::npos) << shown();
  request.mutable_overhead()->set_cpu_quota(7);
  auto reply = CRI_CALL(UpdatePodSandboxResources, request);
  EXPECT_EQ(reply.code(), grpc::INVALID_ARGUMENT);
  EXPECT_NE(reply.text().find("overhead: cpu_quota 7"), std::string::npos) << reply.text();
  request.set_pod_sandbox_id(std::string(64, '0'));
  EXPECT_EQ(CRI_CALL(UpdatePodSandboxResources, request).code(), grpc::NOT_FOUND);
}

}  // namespace
}  // namespace cradle::test
