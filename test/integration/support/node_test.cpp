#include "support/node_test.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace cradle::test {

std::unique_ptr<Daemon> NodeTest::daemon_;
std::unique_ptr<Cri> NodeTest::cri_;
std::set<std::string> NodeTest::ids_;

namespace {

nlohmann::json Verbose(const google::protobuf::Map<std::string, std::string>& info) {
  auto found = info.find("cradle");
  if (found == info.end()) throw std::runtime_error("no verbose info");
  return nlohmann::json::parse(found->second);
}

}  // namespace

v1::PodSandboxConfig NodeTest::PodConfig(const std::string& name, Net net) {
  static std::atomic<int> count{0};
  v1::PodSandboxConfig config;
  config.mutable_metadata()->set_name(name);
  config.mutable_metadata()->set_namespace_("test");
  config.mutable_metadata()->set_uid("uid-" + std::to_string(++count));
  config.set_log_directory(daemon().pod_logs() + "/" + name + "-" + std::to_string(count));
  auto* options = config.mutable_linux()->mutable_security_context()->mutable_namespace_options();
  if (net == Net::kHost)
    options->set_network(v1::NODE);
  else
    config.set_hostname(name);
  return config;
}

v1::ContainerConfig NodeTest::ContainerConfig(const std::string& name, const std::vector<std::string>& command) {
  v1::ContainerConfig config;
  config.mutable_metadata()->set_name(name);
  config.mutable_image()->set_image(kImage);
  for (const std::string& word : command) config.add_command(word);
  config.set_log_path(name + ".log");
  config.mutable_linux();
  return config;
}

v1::ContainerConfig NodeTest::Shell(const std::string& name, const std::string& script) {
  return ContainerConfig(name, {"sh", "-c", script});
}

v1::ContainerConfig NodeTest::Sleeper(const std::string& name) {
  return ContainerConfig(name, {"sleep", "1000000"});
}

void NodeTest::SetUpTestSuite() {
  daemon_ = std::make_unique<Daemon>();
  ids_.clear();
  StartDaemon();
  ::cradle::v1::ImportImageRequest import;
  import.set_path(CRADLE_BUILD_DIR "/images/busybox");
  import.set_name(kImage);
  Must(Call(cri_->debug(), &::cradle::v1::Debug::Stub::ImportImage, import));
  WarmUp();
}

void NodeTest::StartDaemon(const std::vector<std::string>& env) {
  // A client that tries to connect when it goes leaves that connection open for good (gRPC 1.51): it goes before
  // anybody listens.
  cri_.reset();
  if (!daemon_->Start(env)) throw std::runtime_error("cradled ended at once:\n" + daemon_->log());
  cri_ = std::make_unique<Cri>(daemon_->socket());
}

void NodeTest::TearDownTestSuite() {
  cri_.reset();
  daemon_.reset();
}

// A whole life, so that what is made once and kept (the bridge, gRPC's descriptors) is there before the first
// snapshot.
void NodeTest::WarmUp() {
  struct Life : NodeTest {
    void TestBody() override {
      std::string pod = RunPod(PodConfig("warm-up", Net::kBridge));
      std::string container = StartNew(pod, Sleeper("warm-up"));
      Exec(container, {"true"});
      StopPod(pod);
      RemovePod(pod);
    }
  };
  Life().TestBody();
}

void NodeTest::SetUp() {
  // What the last request left to be done behind its answer is over when nothing changes, nothing is in the trash nor
  // open there, and the images are on the disk for good (syncfs on their folder).
  Eventually([&] {
    before_ = Snapshot::Take(daemon(), ids_);
    auto busy = [&](const std::string& path) {
      return path.starts_with(daemon().root() + "/trash") || path == daemon().root() + "/images";
    };
    return std::filesystem::is_empty(daemon().root() + "/trash") && std::ranges::none_of(before_.daemon_fds, busy) &&
           Snapshot::Take(daemon(), ids_).DifferenceTo(before_).empty();
  });
}

std::vector<std::string> NodeTest::Leaks() {
  std::vector<std::string> leaks;
  // Teardown may go on behind the answer (the trash); nothing of it may be left in the end.
  Eventually([&] {
    leaks = Snapshot::Take(daemon(), ids_).DifferenceTo(before_);
    // A connection or a process that was about to end when the test began isn't left behind when it has.
    std::erase_if(leaks, [](const std::string& leak) { return leak.starts_with("- descriptor") || leak.starts_with("- process"); });
    return leaks.empty();
  });
  return leaks;
}

void NodeTest::TearDown() {
  std::string log_of_failure = HasFailure() ? daemon().log() : "";
  if (!daemon().running()) Restart();
  Remember();
  EXPECT_TRUE(RemoveAllPods());
  for (const std::string& leak : Leaks()) ADD_FAILURE() << "left behind: " << leak;
  if (!HasFailure()) return;
  std::vector<std::string> lines = Lines(log_of_failure.empty() ? daemon().log() : log_of_failure);
  size_t from = lines.size() > 200 ? lines.size() - 200 : 0;
  for (size_t i = from; i < lines.size(); ++i) std::fprintf(stderr, "  cradled: %s\n", lines[i].c_str());
}

void NodeTest::Remember() { ids_.merge(RecordedIds(daemon())); }

void NodeTest::Restart(const std::vector<std::string>& env) {
  Remember();
  if (daemon().running()) daemon().Kill();
  StartDaemon(env);
  if (env.empty()) WarmUp();
}

bool NodeTest::RemoveAllPods() {
  for (const v1::PodSandbox& pod : Pods()) {
    StopPod(pod.id());
    RemovePod(pod.id());
  }
  return Pods().empty() && Containers().empty();
}

Reply<v1::RunPodSandboxResponse> NodeTest::TryRunPod(const v1::PodSandboxConfig& config, const std::string& handler) {
  v1::RunPodSandboxRequest request;
  *request.mutable_config() = config;
  request.set_runtime_handler(handler);
  auto reply = CRI_CALL(RunPodSandbox, request);
  if (reply.ok()) ids_.insert(reply.value.pod_sandbox_id());
  return reply;
}

Reply<v1::CreateContainerResponse> NodeTest::TryCreate(const std::string& pod, const v1::ContainerConfig& config) {
  v1::CreateContainerRequest request;
  request.set_pod_sandbox_id(pod);
  *request.mutable_config() = config;
  // As the kubelet does: the pod's configuration again. What counts is what RunPodSandbox was given.
  *request.mutable_sandbox_config() = PodConfig("ignored");
  auto reply = CRI_CALL(CreateContainer, request);
  if (reply.ok()) ids_.insert(reply.value.container_id());
  return reply;
}

Reply<v1::ExecSyncResponse> NodeTest::TryExec(const std::string& container, const std::vector<std::string>& command,
                                              int64_t timeout_seconds) {
  v1::ExecSyncRequest request;
  request.set_container_id(container);
  for (const std::string& word : command) request.add_cmd(word);
  request.set_timeout(timeout_seconds);
  return CRI_CALL(ExecSync, request);
}

std::string NodeTest::RunPod(const v1::PodSandboxConfig& config) { return Must(TryRunPod(config)).pod_sandbox_id(); }

std::string NodeTest::CreateContainer(const std::string& pod, const v1::ContainerConfig& config) {
  return Must(TryCreate(pod, config)).container_id();
}

std::string NodeTest::StartNew(const std::string& pod, const v1::ContainerConfig& config) {
  std::string container = CreateContainer(pod, config);
  Start(container);
  return container;
}

void NodeTest::Start(const std::string& container) {
  v1::StartContainerRequest request;
  request.set_container_id(container);
  Must(CRI_CALL(StartContainer, request));
}

void NodeTest::StopPod(const std::string& pod) {
  v1::StopPodSandboxRequest request;
  request.set_pod_sandbox_id(pod);
  Must(CRI_CALL(StopPodSandbox, request));
}

void NodeTest::RemovePod(const std::string& pod) {
  v1::RemovePodSandboxRequest request;
  request.set_pod_sandbox_id(pod);
  Must(CRI_CALL(RemovePodSandbox, request));
}

void NodeTest::StopContainer(const std::string& container, int64_t grace_seconds) {
  v1::StopContainerRequest request;
  request.set_container_id(container);
  request.set_timeout(grace_seconds);
  Must(CRI_CALL(StopContainer, request));
}

void NodeTest::RemoveContainer(const std::string& container) {
  v1::RemoveContainerRequest request;
  request.set_container_id(container);
  Must(CRI_CALL(RemoveContainer, request));
}

v1::PodSandboxStatus NodeTest::PodStatus(const std::string& pod) {
  v1::PodSandboxStatusRequest request;
  request.set_pod_sandbox_id(pod);
  return Must(CRI_CALL(PodSandboxStatus, request)).status();
}

v1::ContainerStatus NodeTest::StatusOf(const std::string& container) {
  v1::ContainerStatusRequest request;
  request.set_container_id(container);
  return Must(CRI_CALL(ContainerStatus, request)).status();
}

v1::ContainerStatus NodeTest::WaitExited(const std::string& container) {
  v1::ContainerStatus status;
  bool exited = Eventually([&] {
    status = StatusOf(container);
    return status.state() == v1::CONTAINER_EXITED;
  });
  if (!exited) throw std::runtime_error("container " + container + " does not exit");
  return status;
}

v1::ExecSyncResponse NodeTest::Exec(const std::string& container, const std::vector<std::string>& command) {
  return Must(TryExec(container, command));
}

std::vector<v1::PodSandbox> NodeTest::Pods() {
  auto list = Must(CRI_CALL(ListPodSandbox, v1::ListPodSandboxRequest()));
  return {list.items().begin(), list.items().end()};
}

std::vector<v1::Container> NodeTest::Containers() {
  auto list = Must(CRI_CALL(ListContainers, v1::ListContainersRequest()));
  return {list.containers().begin(), list.containers().end()};
}

pid_t NodeTest::PidOf(const std::string& container) {
  v1::ContainerStatusRequest request;
  request.set_container_id(container);
  request.set_verbose(true);
  return Verbose(Must(CRI_CALL(ContainerStatus, request)).info()).at("pid");
}

pid_t NodeTest::ShimOf(const std::string& pod) {
  v1::PodSandboxStatusRequest request;
  request.set_pod_sandbox_id(pod);
  request.set_verbose(true);
  return Verbose(Must(CRI_CALL(PodSandboxStatus, request)).info()).at("shimPid");
}

std::string NodeTest::Control(const std::string& container, const std::string& file_v1, const std::string& file_v2) {
  auto first_line = [](const std::string& path) {
    std::string text = ReadText(path);
    return text.substr(0, text.find('\n'));
  };
  std::string group = CgroupOf(container);
  if (IsCgroupV2()) return first_line("/sys/fs/cgroup" + group + "/" + file_v2);
  for (const auto& hierarchy : std::filesystem::directory_iterator("/sys/fs/cgroup")) {
    std::string path = hierarchy.path().string() + group + "/" + file_v1;
    if (std::filesystem::exists(path)) return first_line(path);
  }
  return "no " + file_v1;
}

std::string NodeTest::CgroupOf(const std::string& container) {
  v1::ContainerStatusRequest request;
  request.set_container_id(container);
  request.set_verbose(true);
  return Verbose(Must(CRI_CALL(ContainerStatus, request)).info()).at("cgroup");
}

std::vector<std::string> NodeTest::LogLines(const std::string& container) {
  std::string text = ReadText(StatusOf(container).log_path());
  return Lines(text.substr(0, text.rfind('\n') + 1));
}

bool NodeTest::WaitForLog(const std::string& container, const std::string& text) {
  return Eventually([&] {
    for (const std::string& line : LogLines(container))
      if (line.find(text) != std::string::npos) return true;
    return false;
  });
}

}  // namespace cradle::test
