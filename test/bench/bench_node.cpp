#include "bench_node.h"

#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

namespace cradle::bench {
namespace {

namespace v1 = ::runtime::v1;
using Runtime = v1::RuntimeService::Stub;
using test::Call;
using test::Must;

constexpr char kImage[] = "cradle.local/busybox:latest";

int64_t KilobytesOf(const std::string& path, const std::string& key) {
  for (const std::string& line : test::Lines(test::ReadText(path)))
    if (line.rfind(key, 0) == 0) return std::stoll(line.substr(key.size()));
  throw std::runtime_error(path + " has no " + key);
}

}  // namespace

BenchNode::BenchNode() : cri_(daemon_.socket()) {
  if (!daemon_.Start()) throw std::runtime_error("cradled ended at once:\n" + daemon_.log());
  ::cradle::v1::ImportImageRequest import;
  import.set_path(CRADLE_BUILD_DIR "/images/busybox");
  import.set_name(kImage);
  Must(Call(cri_.debug(), &::cradle::v1::Debug::Stub::ImportImage, import));
}

std::string BenchNode::RunPod(const std::string& name, bool host_network) {
  v1::RunPodSandboxRequest request;
  auto* config = request.mutable_config();
  config->mutable_metadata()->set_name(name);
  config->mutable_metadata()->set_namespace_("bench");
  config->mutable_metadata()->set_uid(std::to_string(++count_));
  config->set_log_directory(daemon_.pod_logs() + "/" + std::to_string(count_));
  auto* options = config->mutable_linux()->mutable_security_context()->mutable_namespace_options();
  options->set_network(host_network ? v1::NODE : v1::POD);
  options->set_pid(v1::CONTAINER);
  return Must(Call(cri_.runtime(), &Runtime::RunPodSandbox, request)).pod_sandbox_id();
}

std::string BenchNode::Create(const std::string& pod, const std::vector<std::string>& command,
                              const std::vector<std::pair<std::string, std::string>>& mounts) {
  v1::CreateContainerRequest request;
  request.set_pod_sandbox_id(pod);
  auto* config = request.mutable_config();
  config->mutable_metadata()->set_name("bench");
  config->mutable_metadata()->set_attempt(attempts_++);  // a pod may have several
  config->mutable_image()->set_image(kImage);
  for (const std::string& word : command) config->add_command(word);
  config->set_log_path("0.log");
  auto* limits = config->mutable_linux()->mutable_resources();
  limits->set_cpu_shares(512);
  limits->set_memory_limit_in_bytes(64 << 20);
  auto* security = config->mutable_linux()->mutable_security_context();
  security->mutable_namespace_options()->set_pid(v1::CONTAINER);
  for (const char* path : {"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys",
                           "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
                           "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"})
    security->add_masked_paths(path);
  for (const char* path : {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"})
    security->add_readonly_paths(path);
  for (const auto& [host, inside] : mounts) {
    auto* mount = config->add_mounts();
    mount->set_host_path(host);
    mount->set_container_path(inside);
    mount->set_readonly(true);
  }
  auto* metadata = request.mutable_sandbox_config()->mutable_metadata();
  metadata->set_name("bench");
  metadata->set_namespace_("bench");
  metadata->set_uid("bench");
  return Must(Call(cri_.runtime(), &Runtime::CreateContainer, request)).container_id();
}

void BenchNode::Start(const std::string& container) {
  v1::StartContainerRequest request;
  request.set_container_id(container);
  Must(Call(cri_.runtime(), &Runtime::StartContainer, request));
}

std::string BenchNode::Exec(const std::string& container, const std::vector<std::string>& command) {
  v1::ExecSyncRequest request;
  request.set_container_id(container);
  for (const std::string& word : command) request.add_cmd(word);
  return Must(Call(cri_.runtime(), &Runtime::ExecSync, request)).stdout();
}

std::string BenchNode::ExecUrl(const std::string& container, const std::vector<std::string>& command, bool input) {
  v1::ExecRequest request;
  request.set_container_id(container);
  for (const std::string& word : command) request.add_cmd(word);
  request.set_stdin(input);
  request.set_stdout(true);
  request.set_stderr(true);
  return Must(Call(cri_.runtime(), &Runtime::Exec, request)).url();
}

std::string BenchNode::ForwardUrl(const std::string& pod) {
  v1::PortForwardRequest request;
  request.set_pod_sandbox_id(pod);
  return Must(Call(cri_.runtime(), &Runtime::PortForward, request)).url();
}

void BenchNode::Stop(const std::string& container) {
  v1::StopContainerRequest request;
  request.set_container_id(container);
  Must(Call(cri_.runtime(), &Runtime::StopContainer, request));
}

void BenchNode::Remove(const std::string& container) {
  v1::RemoveContainerRequest request;
  request.set_container_id(container);
  Must(Call(cri_.runtime(), &Runtime::RemoveContainer, request));
}

void BenchNode::StopPod(const std::string& pod) {
  v1::StopPodSandboxRequest request;
  request.set_pod_sandbox_id(pod);
  Must(Call(cri_.runtime(), &Runtime::StopPodSandbox, request));
}

void BenchNode::RemovePod(const std::string& pod) {
  v1::RemovePodSandboxRequest request;
  request.set_pod_sandbox_id(pod);
  Must(Call(cri_.runtime(), &Runtime::RemovePodSandbox, request));
}

void BenchNode::ListPods() { Must(Call(cri_.runtime(), &Runtime::ListPodSandbox, v1::ListPodSandboxRequest())); }
void BenchNode::ListContainers() { Must(Call(cri_.runtime(), &Runtime::ListContainers, v1::ListContainersRequest())); }
void BenchNode::ListStats() {
  Must(Call(cri_.runtime(), &Runtime::ListContainerStats, v1::ListContainerStatsRequest()));
}
void BenchNode::ListPodStats() {
  Must(Call(cri_.runtime(), &Runtime::ListPodSandboxStats, v1::ListPodSandboxStatsRequest()));
}
void BenchNode::ListMetrics() {
  Must(Call(cri_.runtime(), &Runtime::ListPodSandboxMetrics, v1::ListPodSandboxMetricsRequest()));
}

double BenchNode::WaitExited(const std::string& container) {
  v1::ContainerStatusRequest request;
  request.set_container_id(container);
  v1::ContainerStatus status;
  bool exited = test::Eventually([&] {
    status = Must(Call(cri_.runtime(), &Runtime::ContainerStatus, request)).status();
    return status.state() == v1::CONTAINER_EXITED;
  });
  if (!exited) throw std::runtime_error("container does not exit");
  return static_cast<double>(status.finished_at() - status.started_at()) / 1e9;
}

namespace {

nlohmann::json Inspect(test::Cri& cri, const std::string& pod) {
  v1::PodSandboxStatusRequest request;
  request.set_pod_sandbox_id(pod);
  request.set_verbose(true);
  return nlohmann::json::parse(Must(Call(cri.runtime(), &Runtime::PodSandboxStatus, request)).info().at("cradle"));
}

}  // namespace

double BenchNode::NetworkStep(const std::string& pod) {
  const nlohmann::json pod_info = Inspect(cri_, pod);
  for (const auto& step : pod_info.at("steps"))
    if (step.at("step") == "network") return step.at("microseconds");
  return 0;
}

pid_t BenchNode::ShimOf(const std::string& pod) { return Inspect(cri_, pod).at("shimPid"); }
pid_t BenchNode::PauseOf(const std::string& pod) { return Inspect(cri_, pod).at("pid"); }

pid_t BenchNode::PidOf(const std::string& container) {
  v1::ContainerStatusRequest request;
  request.set_container_id(container);
  request.set_verbose(true);
  auto status = Must(Call(cri_.runtime(), &Runtime::ContainerStatus, request));
  return nlohmann::json::parse(status.info().at("cradle")).at("pid");
}

std::string BenchNode::Describe() {
  auto version = Must(Call(cri_.runtime(), &Runtime::Version, v1::VersionRequest()));
  return version.runtime_name() + " " + version.runtime_version();
}

std::string BenchNode::LayerDir() const {
  for (const auto& layer : std::filesystem::directory_iterator(daemon_.root() + "/images/layers"))
    if (std::filesystem::exists(layer.path() / "fs/bin/sleep")) return layer.path() / "fs";
  throw std::runtime_error("no layer with /bin/sleep");
}

int64_t BenchNode::PssKilobytes(pid_t pid) const {
  return KilobytesOf("/proc/" + std::to_string(pid) + "/smaps_rollup", "Pss:");
}

int64_t BenchNode::RssKilobytes() const {
  return KilobytesOf("/proc/" + std::to_string(daemon_.pid()) + "/status", "VmRSS:");
}

double BenchNode::CpuSeconds(pid_t pid) const {
  std::string text = test::ReadText("/proc/" + std::to_string(pid) + "/stat");
  // utime and stime are fields 14 and 15; after the name's ')' the third is the first.
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace cradle::bench
