#include "server_fixture.h"

#include <sys/socket.h>

#include <condition_variable>

#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "cradle/debug.grpc.pb.h"

namespace cradle::cri {
namespace {

using grpc::StatusCode;

using Ids = std::vector<std::string>;

TEST_F(ServerTest, VersionIsWhatTheKubeletWants) {
  pb::VersionResponse response;
  ASSERT_TRUE(ASK(Version, "version: '0.1.0'", &response).ok());
  EXPECT_EQ(response.version(), "0.1.0");
  EXPECT_EQ(response.runtime_name(), "cradle");
  EXPECT_EQ(response.runtime_version(), "0.1.0");
  EXPECT_EQ(response.runtime_api_version(), "v1");
}

TEST_F(ServerTest, StatusTellsWhyTheNetworkIsNotReady) {
  network_.ready = FailedPrecondition("no list in /etc/cni/net.d");
  pb::StatusResponse response;
  ASSERT_TRUE(ASK(Status, "verbose: true", &response).ok());
  ASSERT_EQ(response.status().conditions_size(), 3);
  EXPECT_EQ(response.status().conditions(0).type(), "RuntimeReady");
  EXPECT_TRUE(response.status().conditions(0).status());
  EXPECT_EQ(response.status().conditions(1).type(), "NetworkReady");
  EXPECT_FALSE(response.status().conditions(1).status());
  EXPECT_EQ(response.status().conditions(1).reason(), "NetworkPluginNotReady");
  EXPECT_EQ(response.status().conditions(1).message(), "no list in /etc/cni/net.d");
  EXPECT_EQ(response.status().conditions(2).type(), "AppArmorReady");
  EXPECT_FALSE(response.status().conditions(2).status());
  EXPECT_EQ(response.status().conditions(2).message(), "no parser");
  EXPECT_EQ(response.info().at("config"), R"({"state":"/s","stateDir":"/s"})");
  ASSERT_EQ(response.runtime_handlers_size(), 2);
  EXPECT_EQ(response.runtime_handlers(0).name(), "");
  EXPECT_EQ(response.runtime_handlers(1).name(), "plain");
  EXPECT_TRUE(response.runtime_handlers(1).features().recursive_read_only_mounts());
  EXPECT_TRUE(response.features().supplemental_groups_policy());
}

TEST_F(ServerTest, RuntimeConfigSaysCgroupfs) {
  pb::RuntimeConfigResponse response;
  ASSERT_TRUE(ASK(RuntimeConfig, "", &response).ok());
  ASSERT_TRUE(response.has_linux());
  EXPECT_EQ(response.linux().cgroup_driver(), pb::CGROUPFS);
}

TEST_F(ServerTest, PodFilters) {
  EXPECT_EQ(PodIds(""), (Ids{kPodA, kPodB}));
  EXPECT_EQ(PodIds("id: '" + kPodB + "'"), Ids{kPodB});
  EXPECT_EQ(PodIds("id: 'aab'"), Ids{kPodB});
  EXPECT_EQ(PodIds("id: 'aa'"), Ids{});
  EXPECT_EQ(PodIds("id: 'no-id'"), Ids{});
  EXPECT_EQ(PodIds("state { state: SANDBOX_READY }"), Ids{kPodA});
  EXPECT_EQ(PodIds("id: 'aab' state { state: SANDBOX_READY }"), Ids{});
  EXPECT_EQ(PodIds("label_selector { key: 'app' value: 'b' }"), Ids{kPodB});
  EXPECT_EQ(
      PodIds("label_selector { key: 'app' value: 'b' } label_selector { key: 'x' value: '' }"),
      Ids{});
}

TEST_F(ServerTest, ContainerFilters) {
  EXPECT_EQ(ContainerIds(""), (Ids{kOne, kTwo}));
  EXPECT_EQ(ContainerIds("id: 'c11'"), Ids{kOne});
  EXPECT_EQ(ContainerIds("pod_sandbox_id: 'aab'"), Ids{kTwo});
  EXPECT_EQ(ContainerIds("state { state: CONTAINER_CREATED }"), Ids{});
  EXPECT_EQ(ContainerIds("state { state: CONTAINER_EXITED }"), Ids{kTwo});
  EXPECT_EQ(ContainerIds("label_selector { key: 'foo' value: 'bar' }"), Ids{kOne});
  EXPECT_EQ(ContainerIds("label_selector { key: 'foo' value: 'baz' }"), Ids{});
}

TEST_F(ServerTest, StatusOfTheUnknownIsNotFound) {
  pb::PodSandboxStatusResponse pod;
  pb::ContainerStatusResponse container;
  const char* uuid = "f2a3c7de-1111-2222-3333-444444444444";
  for (std::string id : {std::string(64, 'f'), std::string(uuid)}) {
    EXPECT_EQ(ASK(PodSandboxStatus, "pod_sandbox_id: '" + id + "'", &pod).error_code(),
              StatusCode::NOT_FOUND);
    EXPECT_EQ(ASK(ContainerStatus, "container_id: '" + id + "'", &container).error_code(),
              StatusCode::NOT_FOUND);
  }
  EXPECT_EQ(ASK(PodSandboxStatus, "", &pod).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ASK(PodSandboxStatus, "pod_sandbox_id: 'aa'", &pod).error_code(),
            StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServerTest, PodStatusHoldsItsContainers) {
  pb::PodSandboxStatusResponse response;
  ASSERT_TRUE(ASK(PodSandboxStatus, "pod_sandbox_id: 'aaa' verbose: true", &response).ok());
  EXPECT_EQ(response.status().id(), kPodA);
  ASSERT_EQ(response.containers_statuses_size(), 1);
  EXPECT_EQ(response.containers_statuses(0).id(), kOne);
  EXPECT_GT(response.timestamp(), 0);
  EXPECT_TRUE(response.info().contains("info"));
}

TEST_F(ServerTest, EndingTheUnknownIsFineAndPrefixesAreResolved) {
  pb::StopPodSandboxResponse stopped_pod;
  pb::RemovePodSandboxResponse removed_pod;
  pb::StopContainerResponse stopped;
  pb::RemoveContainerResponse removed;
  for (std::string id : {std::string(64, 'f'), std::string("f2a3c7de-1111")}) {
    EXPECT_TRUE(ASK(StopPodSandbox, "pod_sandbox_id: '" + id + "'", &stopped_pod).ok());
    EXPECT_TRUE(ASK(RemovePodSandbox, "pod_sandbox_id: '" + id + "'", &removed_pod).ok());
    EXPECT_TRUE(ASK(StopContainer, "container_id: '" + id + "'", &stopped).ok());
    EXPECT_TRUE(ASK(RemoveContainer, "container_id: '" + id + "'", &removed).ok());
  }
  EXPECT_EQ(runtime_.Calls(), Ids{});
  EXPECT_TRUE(ASK(StopContainer, "container_id: 'c11' timeout: 2", &stopped).ok());
  EXPECT_TRUE(ASK(RemovePodSandbox, "pod_sandbox_id: 'aab'", &removed_pod).ok());
  EXPECT_EQ(runtime_.Calls(), (Ids{"StopContainer " + kOne + " 2000", "RemovePod " + kPodB}));
  EXPECT_EQ(ASK(StopPodSandbox, "pod_sandbox_id: 'aa'", &stopped_pod).error_code(),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ASK(StopContainer, "container_id: 'c11' timeout: -1", &stopped).error_code(),
            StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServerTest, RunPodSandboxAnswersTheId) {
  pb::RunPodSandboxResponse response;
  std::string config = "config { metadata { name: 'web' namespace: 'n' uid: 'u' } }";
  ASSERT_TRUE(ASK(RunPodSandbox, config, &response).ok());
  EXPECT_EQ(response.pod_sandbox_id(), "id-of-web");
  EXPECT_TRUE(ASK(RunPodSandbox, config + " runtime_handler: 'plain'", &response).ok());
  auto refused = ASK(RunPodSandbox, config + " runtime_handler: 'kata'", &response);
  EXPECT_EQ(refused.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused.error_message(),
            "runtime_handler: \"kata\": this runtime handler is not configured");
}

TEST_F(ServerTest, CreateContainerNeedsAReadyPod) {
  pb::CreateContainerResponse response;
  std::string config = "config { metadata { name: 'm' } image { image: 'busybox' } }";
  ASSERT_TRUE(ASK(CreateContainer, "pod_sandbox_id: 'aaa' " + config, &response).ok());
  EXPECT_EQ(response.container_id(), kPodA + "/m");
  EXPECT_EQ(ASK(CreateContainer, "pod_sandbox_id: 'aab' " + config, &response).error_code(),
            StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ASK(CreateContainer, "pod_sandbox_id: 'ff' " + config, &response).error_code(),
            StatusCode::NOT_FOUND);
}

TEST_F(ServerTest, TheTargetOfAPidNamespaceMustBeOfThePod) {
  pb::CreateContainerResponse response;
  auto config = [](const std::string& id) {
    return "pod_sandbox_id: 'aaa' config { metadata { name: 'm' } image { image: 'b' } linux { "
           "security_context { "
           "namespace_options { pid: TARGET target_id: '" +
           id + "' } } } }";
  };
  EXPECT_TRUE(ASK(CreateContainer, config("c11"), &response).ok());
  EXPECT_EQ(ASK(CreateContainer, config("c12"), &response).error_code(),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ASK(CreateContainer, config("dd"), &response).error_code(),
            StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServerTest, ExecSyncPassesExitCodesAndRefusesNonsense) {
  runtime_.exec = [] {
    return shim::ExecResult{.exit_code = 7, .timed_out = false, .out = "o\xff", .err = "e"};
  };
  pb::ExecSyncResponse response;
  ASSERT_TRUE(ASK(ExecSync, "container_id: 'c11' cmd: 'x'", &response).ok());
  EXPECT_EQ(response.exit_code(), 7);
  EXPECT_EQ(response.stdout(), "o\xff");
  EXPECT_EQ(response.stderr(), "e");
  EXPECT_EQ(ASK(ExecSync, "container_id: 'c11'", &response).error_code(),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ASK(ExecSync, "container_id: 'c11' cmd: 'x' timeout: -1", &response).error_code(),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ASK(ExecSync, "container_id: 'c12' cmd: 'x'", &response).error_code(),
            StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ASK(ExecSync, "container_id: 'dd' cmd: 'x'", &response).error_code(),
            StatusCode::NOT_FOUND);
}

TEST_F(ServerTest, ExecSyncThatTimesOutIsDeadlineExceeded) {
  runtime_.exec = [] { return Error(Code::kDeadlineExceeded, "timeout"); };
  pb::ExecSyncResponse response;
  EXPECT_EQ(ASK(ExecSync, "container_id: 'c11' cmd: 'x' timeout: 1", &response).error_code(),
            StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(ServerTest, ExecSyncKeepsTheBeginningOfWhatDoesNotFit) {
  runtime_.exec = [] {
    return shim::ExecResult{.exit_code = -1,
                            .timed_out = false,
                            .out = "o" + std::string(kMaxMessage, 'x'),
                            .err = "e" + std::string(kMaxMessage, 'y')};
  };
  pb::ExecSyncResponse response;
  auto status = ASK(ExecSync, "container_id: 'c11' cmd: 'x'", &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.stdout().substr(0, 2), "ox");
  EXPECT_EQ(response.stderr().substr(0, 2), "ey");
  EXPECT_GT(response.stdout().size() + response.stderr().size(), kMaxMessage - 100);
  EXPECT_EQ(response.stdout().size(), response.stderr().size());
}

TEST_F(ServerTest, ReopenNeedsARunningContainer) {
  pb::ReopenContainerLogResponse response;
  EXPECT_TRUE(ASK(ReopenContainerLog, "container_id: 'c11'", &response).ok());
  EXPECT_EQ(ASK(ReopenContainerLog, "container_id: 'c12'", &response).error_code(),
            StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(runtime_.Calls(), Ids{"ReopenLog " + kOne});
}

TEST_F(ServerTest, StatsListRunningContainers) {
  pb::ListContainerStatsResponse list;
  ASSERT_TRUE(ASK(ListContainerStats, "", &list).ok());
  ASSERT_EQ(list.stats_size(), 1);
  EXPECT_EQ(list.stats(0).attributes().id(), kOne);
  EXPECT_EQ(list.stats(0).cpu().usage_core_nano_seconds().value(), 6u);
  EXPECT_EQ(list.stats(0).memory().available_bytes().value(), 30u);
  EXPECT_EQ(list.stats(0).writable_layer().used_bytes().value(), 8u);
  ASSERT_TRUE(
      ASK(ListContainerStats, "filter { label_selector { key: 'foo' value: 'baz' } }", &list).ok());
  EXPECT_EQ(list.stats_size(), 0);
  pb::ContainerStatsResponse one;
  ASSERT_TRUE(ASK(ContainerStats, "container_id: 'c12'", &one).ok());
  EXPECT_EQ(one.stats().attributes().id(), kTwo);
  EXPECT_FALSE(one.stats().has_cpu());
}

TEST_F(ServerTest, PodStatsAreOfReadyPodsWithTheirContainers) {
  pb::ListPodSandboxStatsResponse list;
  ASSERT_TRUE(ASK(ListPodSandboxStats, "", &list).ok());
  ASSERT_EQ(list.stats_size(), 1);
  const pb::LinuxPodSandboxStats& figures = list.stats(0).linux();
  EXPECT_EQ(list.stats(0).attributes().metadata().namespace_(), "default");
  EXPECT_EQ(figures.cpu().usage_core_nano_seconds().value(), 60u);
  EXPECT_EQ(figures.memory().working_set_bytes().value(), 700u);
  EXPECT_EQ(figures.process().process_count().value(), 3u);
  EXPECT_EQ(figures.network().default_interface().name(), "eth0");
  EXPECT_EQ(figures.network().default_interface().tx_bytes().value(), 20u);
  ASSERT_EQ(figures.network().interfaces_size(), 1);
  EXPECT_EQ(figures.network().interfaces(0).name(), "net1");
  ASSERT_EQ(figures.containers_size(), 1);
  EXPECT_EQ(figures.containers(0).attributes().id(), kOne);
  ASSERT_TRUE(ASK(ListPodSandboxStats, "filter { label_selector { key: 'app' value: 'b' } }", &list).ok());
  EXPECT_EQ(list.stats_size(), 0);
  pb::PodSandboxStatsResponse one;
  ASSERT_TRUE(ASK(PodSandboxStats, "pod_sandbox_id: 'aab'", &one).ok());
  EXPECT_EQ(one.stats().attributes().id(), kPodB);
  EXPECT_TRUE(one.stats().has_linux());
  EXPECT_FALSE(one.stats().linux().has_cpu());
  EXPECT_EQ(ASK(PodSandboxStats, "pod_sandbox_id: 'ff'", &one).error_code(), StatusCode::NOT_FOUND);
}

TEST_F(ServerTest, MetricsComeWithTheirDescriptors) {
  pb::ListMetricDescriptorsResponse descriptors;
  ASSERT_TRUE(ASK(ListMetricDescriptors, "", &descriptors).ok());
  EXPECT_EQ(descriptors.descriptors_size(), 56);
  pb::ListPodSandboxMetricsResponse metrics;
  ASSERT_TRUE(ASK(ListPodSandboxMetrics, "", &metrics).ok());
  ASSERT_EQ(metrics.pod_metrics_size(), 1);
  EXPECT_EQ(metrics.pod_metrics(0).pod_sandbox_id(), kPodA);
  ASSERT_EQ(metrics.pod_metrics(0).container_metrics_size(), 1);
  EXPECT_EQ(metrics.pod_metrics(0).container_metrics(0).container_id(), kOne);
}

TEST_F(ServerTest, AMissingImageIsAnAnswer) {
  pb::ImageStatusResponse status;
  ASSERT_TRUE(ASK_IMAGE(ImageStatus, "image { image: 'nothing' }", &status).ok());
  EXPECT_FALSE(status.has_image());
  ASSERT_TRUE(ASK_IMAGE(ImageStatus, "image { image: 'sha256:1' }", &status).ok());
  EXPECT_EQ(status.image().id(), "sha256:1");
  EXPECT_FALSE(status.image().has_spec());
  ASSERT_TRUE(ASK_IMAGE(ImageStatus, "image { image: 'sha256:1' runtime_handler: 'plain' }", &status).ok());
  EXPECT_EQ(status.image().spec().runtime_handler(), "plain");
  EXPECT_EQ(ASK_IMAGE(ImageStatus, "", &status).error_code(), StatusCode::INVALID_ARGUMENT);
  pb::ListImagesResponse list;
  ASSERT_TRUE(ASK_IMAGE(ListImages, "filter { image { image: 'nothing' } }", &list).ok());
  EXPECT_EQ(list.images_size(), 0);
  ASSERT_TRUE(ASK_IMAGE(ListImages, "", &list).ok());
  EXPECT_EQ(list.images_size(), 1);
  pb::ImageFsInfoResponse usage;
  ASSERT_TRUE(ASK_IMAGE(ImageFsInfo, "", &usage).ok());
  EXPECT_EQ(usage.image_filesystems(0).used_bytes().value(), 4096u);
}

TEST_F(ServerTest, PullAnswersTheIdAndTellsTheKubeletOfARegistryThatIsDown) {
  pb::PullImageResponse response;
  ASSERT_TRUE(ASK_IMAGE(PullImage, "image { image: 'busybox' }", &response).ok());
  EXPECT_EQ(response.image_ref(), "sha256:1");
  images_.pull = [](std::stop_token) { return Error(Code::kUnavailable, "connection refused"); };
  auto status = ASK_IMAGE(PullImage, "image { image: 'busybox' }", &response);
  EXPECT_EQ(status.error_code(), StatusCode::UNKNOWN);
  EXPECT_EQ(status.error_message(), "RegistryUnavailable: connection refused");
}

// Waits until it is stopped, and tells.
struct StoppablePull {
  std::mutex mutex;
  std::condition_variable_any changed;
  bool begun = false, stopped = false;

  Result<FakeImages::Ptr> operator()(std::stop_token stop) {
    std::unique_lock lock(mutex);
    begun = true;
    changed.notify_all();
    changed.wait(lock, stop, [] { return false; });
    stopped = true;
    changed.notify_all();
    return Error(Code::kInternal, "stopped");
  }
  void WaitFor(bool StoppablePull::*what) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return this->*what; });
  }
};

TEST_F(ServerTest, AClientThatGoesStopsItsPull) {
  StoppablePull pull;
  images_.pull = [&](std::stop_token stop) { return pull(stop); };
  grpc::ClientContext context;
  pb::PullImageResponse response;
  std::thread client([&] {
    auto status = image_stub_->PullImage(
        &context, FromText<pb::PullImageRequest>("image { image: 'b' }"), &response);
    EXPECT_EQ(status.error_code(), StatusCode::CANCELLED);
  });
  pull.WaitFor(&StoppablePull::begun);
  context.TryCancel();
  pull.WaitFor(&StoppablePull::stopped);
  client.join();
}

TEST_F(ServerTest, PullStreamTellsProgressThenTheImage) {
  auto debug = v1::Debug::NewStub(channel_);
  grpc::ClientContext context;
  v1::PullImageRequest request;
  request.set_image("busybox");
  auto reader = debug->PullImage(&context, request);
  std::vector<std::string> phases;
  v1::PullImageProgress progress;
  while (reader->Read(&progress)) {
    phases.push_back(progress.image_ref().empty() ? progress.phase() : progress.image_ref());
  }
  EXPECT_TRUE(reader->Finish().ok());
  ASSERT_GE(phases.size(), 2u);
  EXPECT_EQ(phases.back(), "sha256:1");
  EXPECT_EQ(phases[phases.size() - 2], "done");
}

TEST_F(ServerTest, InspectFindsPodsAndContainers) {
  auto debug = v1::Debug::NewStub(channel_);
  auto inspect = [&](const std::string& id) {
    v1::InspectResponse response;
    auto status =
        Ask<v1::Debug::Stub>(*debug, &v1::Debug::Stub::Inspect, "id: '" + id + "'", &response);
    return status.ok() ? response.json() : std::to_string(status.error_code());
  };
  EXPECT_EQ(inspect("c11").find(R"({"kind":"container")"), 0u);
  EXPECT_EQ(inspect("aaa").find(R"({"kind":"pod")"), 0u);
  EXPECT_EQ(inspect("aa"), std::to_string(StatusCode::INVALID_ARGUMENT));
  EXPECT_EQ(inspect("ff"), std::to_string(StatusCode::NOT_FOUND));
}

TEST_F(ServerTest, StreamsAreUrlsThatAreGrantedForWhatWasAsked) {
  pb::ExecResponse exec;
  EXPECT_TRUE(ASK(Exec, "container_id: 'c11' cmd: 'x' stdin: true tty: true", &exec).ok());
  EXPECT_EQ(exec.url(), "http://fake/0");
  pb::AttachResponse attach;
  EXPECT_TRUE(ASK(Attach, "container_id: 'c11' stdout: true stderr: true", &attach).ok());
  pb::PortForwardResponse forward;
  EXPECT_TRUE(ASK(PortForward, "pod_sandbox_id: 'aaa' port: [80, 443]", &forward).ok());
  ASSERT_EQ(streaming_.grants.size(), 3u);
  EXPECT_EQ(streaming_.grants[0].kind, streaming::Kind::kExec);
  EXPECT_TRUE(streaming_.grants[0].streams.in && streaming_.grants[0].streams.tty);
  EXPECT_EQ(streaming_.grants[1].kind, streaming::Kind::kAttach);
  EXPECT_TRUE(streaming_.grants[1].streams.out && streaming_.grants[1].streams.err);
  EXPECT_EQ(streaming_.grants[2].ports, (std::vector<uint16_t>{80, 443}));
  EXPECT_TRUE(streaming_.grants[0].hand_over({}, FdRef()).ok());
  EXPECT_EQ(runtime_.Calls().back(), "Stream " + std::string(kOne) + " x");
}

TEST_F(ServerTest, StreamsNeedARunningContainerAReadyPodAndSenseInTheirStreams) {
  pb::ExecResponse exec;
  pb::AttachResponse attach;
  pb::PortForwardResponse forward;
  for (const char* wrong : {"cmd: 'x' stdout: true", "container_id: 'c11' stdout: true", "container_id: 'c11' cmd: 'x'",
                            "container_id: 'c11' cmd: 'x' stdout: true stderr: true tty: true"})
    EXPECT_EQ(ASK(Exec, wrong, &exec).error_code(), StatusCode::INVALID_ARGUMENT) << wrong;
  EXPECT_EQ(ASK(Attach, "container_id: 'c12' stdout: true", &attach).error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ASK(Attach, "container_id: 'ffff' stdout: true", &attach).error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(ASK(PortForward, "pod_sandbox_id: 'aab'", &forward).error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ASK(PortForward, "pod_sandbox_id: 'aaa' port: 65536", &forward).error_code(), StatusCode::INVALID_ARGUMENT);
  streaming_.full = true;
  EXPECT_EQ(ASK(PortForward, "pod_sandbox_id: 'aaa'", &forward).error_code(), StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ServerTest, ShutdownEndsCallsWhoseWorkGoesOn) {
  runtime_.hold_exec = true;
  grpc::Status status;
  pb::ExecSyncResponse response;
  std::thread client([&] { status = ASK(ExecSync, "container_id: 'c11' cmd: 'x'", &response); });
  while (!runtime_.ExecHeld()) std::this_thread::yield();
  server_->Shutdown(After(milliseconds(50)));
  client.join();
  EXPECT_FALSE(status.ok());
  EXPECT_FALSE(sys::Exists(kCwd, path_));
}

TEST_F(ServerTest, TheSocketIsRootsAndOnlyAStaleOneIsReplaced) {
  auto mode = sys::FstatAt(kCwd, path_, 0);
  ASSERT_TRUE(mode.ok());
  EXPECT_EQ(mode->st_mode & 07777, 0660u);
  Backend backend{runtime_, images_, network_, streaming_, {}};
  auto second = Server::Start(path_, backend);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().text(), "listen on " + path_ + ": another cradled listens on it");

  std::string stale = dir_ + "/stale.sock";
  ASSERT_TRUE(sys::ListenUnix(stale, SOCK_STREAM, 1).ok());  // closed again at once
  ASSERT_TRUE(sys::Exists(kCwd, stale));
  EXPECT_TRUE(Server::Start(stale, backend).ok());

  std::string file = dir_ + "/file";
  ASSERT_TRUE(sys::ReplaceFile(kCwd, file, "precious", 0600).ok());
  EXPECT_FALSE(Server::Start(file, backend).ok());
  EXPECT_TRUE(sys::Exists(kCwd, file));
}

}  // namespace
}  // namespace cradle::cri
