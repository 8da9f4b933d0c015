#include "cri/describe.h"

#include <gtest/gtest.h>

#include "cri/inspect.h"

namespace cradle::cri {
namespace {

namespace pb = ::runtime::v1;

sandbox::ContainerView SomeContainer() {
  container::ContainerRecord record;
  record.id = ContainerId("c1");
  record.pod = PodId("p1");
  record.spec.name = "main";
  record.spec.attempt = 4;
  record.spec.image = "sha256:abc";
  record.spec.user_specified_image = "busybox:1";
  record.spec.mounts = {{.container_path = "/c",
                         .host_path = "/h",
                         .readonly = true,
                         .recursive_readonly = true,
                         .selinux_relabel = true,
                         .propagation = container::Propagation::kPrivate}};
  record.image = {
      .id = "sha256:abc", .ref = "busybox@sha256:d", .config = {}, .layer_dirs = {"/l"}};
  record.log_path = "/var/log/x/0.log";
  record.created_at = 10;
  sandbox::ContainerView view;
  view.record = std::make_shared<const container::ContainerRecord>(record);
  view.user = {.uid = 1000, .gid = 1001, .groups = {1001, 1234}};
  view.limits.cpu_shares = 512;
  view.stop_signal = 15;
  return view;
}

TEST(DescribeContainerStatus, OfARunningOneHasNoExit) {
  auto view = SomeContainer();
  view.state = sandbox::State::kRunning;
  view.started_at = 20;
  view.exit.reason = "left over";
  auto status = DescribeContainerStatus(view);
  EXPECT_EQ(status.state(), pb::CONTAINER_RUNNING);
  EXPECT_EQ(status.started_at(), 20);
  EXPECT_EQ(status.finished_at(), 0);
  EXPECT_EQ(status.reason(), "");
  EXPECT_EQ(status.image().image(), "busybox:1");
  EXPECT_EQ(status.image_id(), "sha256:abc");
  EXPECT_EQ(status.image_ref(), "busybox@sha256:d");
  EXPECT_EQ(status.log_path(), "/var/log/x/0.log");
  ASSERT_EQ(status.mounts_size(), 1);
  EXPECT_TRUE(status.mounts(0).recursive_read_only());
  EXPECT_EQ(status.resources().linux().cpu_shares(), 512);
  EXPECT_EQ(status.user().linux().uid(), 1000);
  EXPECT_EQ(status.user().linux().supplemental_groups_size(), 2);
  EXPECT_EQ(status.stop_signal(), pb::SIGNAL_SIGTERM);
}

TEST(DescribeContainerStatus, OfAnExitedOneTellsWhy) {
  auto view = SomeContainer();
  view.state = sandbox::State::kExited;
  view.exit = {.exit_code = 137,
               .signal = 9,
               .oom_killed = true,
               .start_failed = false,
               .started_at = 20,
               .finished_at = 30,
               .message = "m",
               .reason = "OOMKilled"};
  auto status = DescribeContainerStatus(view);
  EXPECT_EQ(status.started_at(), 20);
  EXPECT_EQ(status.finished_at(), 30);
  EXPECT_EQ(status.exit_code(), 137);
  EXPECT_EQ(status.reason(), "OOMKilled");
  EXPECT_EQ(status.message(), "m");
}

TEST(DescribePodStatus, SplitsAddressesAndEchoesNamespaces) {
  sandbox::PodView pod;
  pod.record.id = PodId("p1");
  pod.record.spec.host_network = true;
  pod.record.spec.pid_mode = container::PidMode::kContainer;
  pod.ips = {"10.0.0.1", "fd00::1"};
  auto status = DescribePodStatus(pod);
  EXPECT_EQ(status.state(), pb::SANDBOX_NOTREADY);
  EXPECT_EQ(status.network().ip(), "10.0.0.1");
  ASSERT_EQ(status.network().additional_ips_size(), 1);
  EXPECT_EQ(status.network().additional_ips(0).ip(), "fd00::1");
  EXPECT_EQ(status.linux().namespaces().options().network(), pb::NODE);
  EXPECT_EQ(status.linux().namespaces().options().pid(), pb::CONTAINER);
  EXPECT_EQ(status.linux().namespaces().options().ipc(), pb::POD);
}

TEST(DescribeImage, UserIsANumberOrAName) {
  image::Image image;
  image.username = "www-data";
  EXPECT_FALSE(DescribeImage(image).has_uid());
  EXPECT_EQ(DescribeImage(image).username(), "www-data");
  image.uid = 1002;
  EXPECT_EQ(DescribeImage(image).uid().value(), 1002);
  EXPECT_EQ(DescribeImage(image).username(), "");
}

TEST(Inspect, SurvivesAnEnvironmentThatIsNoText) {
  auto view = SomeContainer();
  auto record = *view.record;
  record.spec.env = {"A=\xff"};
  view.record = std::make_shared<const container::ContainerRecord>(record);
  view.laps = {{"record", 12}};
  std::string json = InspectContainer(view);
  EXPECT_NE(json.find(R"("step":"record","microseconds":12)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("sandboxID":"p1")"), std::string::npos) << json;
}

}  // namespace
}  // namespace cradle::cri
