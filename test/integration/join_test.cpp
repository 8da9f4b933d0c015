// The same request again: it joins the one under way or finds what is there; it never makes a second one.
#include <set>
#include <thread>

#include "support/node_test.h"

namespace cradle::test {
namespace {

class Join : public NodeTest {};

TEST_F(Join, PodsOfTheSameRequestAtOnceAreOne) {
  auto config = PodConfig("same", Net::kBridge);
  constexpr int kMany = 8;
  std::vector<Reply<v1::RunPodSandboxResponse>> replies(kMany);
  std::vector<std::thread> threads;
  v1::RunPodSandboxRequest request;
  *request.mutable_config() = config;
  for (auto& reply : replies) threads.emplace_back([&] { reply = CRI_CALL(RunPodSandbox, request); });
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> ids;
  for (auto& reply : replies) ids.insert(Must(reply).pod_sandbox_id());
  EXPECT_EQ(ids.size(), 1u);
  EXPECT_EQ(Pods().size(), 1u);
}

TEST_F(Join, ContainersOfTheSameRequestAtOnceAreOne) {
  std::string pod = RunPod(PodConfig("pod"));
  v1::CreateContainerRequest request;
  request.set_pod_sandbox_id(pod);
  *request.mutable_config() = Sleeper("same");
  *request.mutable_sandbox_config() = PodConfig("pod");
  constexpr int kMany = 8;
  std::vector<Reply<v1::CreateContainerResponse>> replies(kMany);
  std::vector<std::thread> threads;
  for (auto& reply : replies) threads.emplace_back([&] { reply = CRI_CALL(CreateContainer, request); });
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> ids;
  for (auto& reply : replies) ids.insert(Must(reply).container_id());
  EXPECT_EQ(ids.size(), 1u);
  EXPECT_EQ(Containers().size(), 1u);
}

TEST_F(Join, TheSameRequestLaterFindsWhatIsThere) {
  auto config = PodConfig("same");
  std::string pod = RunPod(config);
  EXPECT_EQ(RunPod(config), pod);
  auto sleeper = Sleeper("c");
  std::string container = CreateContainer(pod, sleeper);
  EXPECT_EQ(CreateContainer(pod, sleeper), container);
  Start(container);
  EXPECT_EQ(CreateContainer(pod, sleeper), container);
}

TEST_F(Join, AnotherConfigurationUnderTheSameNameIsRefused) {
  auto config = PodConfig("same");
  std::string pod = RunPod(config);
  auto other = config;
  (*other.mutable_labels())["more"] = "yes";
  auto reply = TryRunPod(other);
  EXPECT_EQ(reply.code(), grpc::ALREADY_EXISTS);
  EXPECT_NE(reply.text().find(pod), std::string::npos) << reply.text();
  other.mutable_metadata()->set_attempt(1);
  EXPECT_NE(RunPod(other), pod);
}

TEST_F(Join, ThePlaceIsFreeAfterRemoval) {
  auto config = PodConfig("again", Net::kBridge);
  std::string first = RunPod(config);
  RemovePod(first);
  EXPECT_NE(RunPod(config), first);
}

}  // namespace
}  // namespace cradle::test
