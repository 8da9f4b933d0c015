#include <cstdlib>
#include <filesystem>

#include "base/ids.h"
#include "base/sys/file.h"
#include "ctl/find.h"
#include "ctl/follow.h"
#include "ctl/pull.h"
#include "ctl/run_config.h"
#include "ctl/terminal.h"
#include "ctl/verbs.h"

namespace cradle::ctl {
namespace {

constexpr int64_t kGrace = 10;  // seconds, for a container that is interrupted

// Present, or pulled now.
Result<std::string> NeedImage(Client& client, const std::string& name, FdRef signals) {
  pb::ImageStatusRequest request;
  request.mutable_image()->set_image(name);
  auto status = TRY(client.Call(&ImageStub::ImageStatus, request));
  if (status.has_image()) return status.image().id();
  return PullImage(client, name, "", signals);
}

// The pod that `run` makes: removed, with its log, unless it is kept.
class RunPod {
 public:
  RunPod(Client& client, pb::PodSandboxConfig config)
      : client_(client), config_(std::move(config)) {}
  RunPod(const RunPod&) = delete;
  RunPod& operator=(const RunPod&) = delete;
  ~RunPod() {
    if (keep_) return;
    if (auto removed = Remove(); !removed.ok()) {
      PrintError(Cat("cradlectl: remove the pod: ", removed.error().text(), "\n"));
    }
  }

  Result<std::string> Start(const pb::ContainerConfig& container) {
    TRYV(sys::MakeDirs(config_.log_directory(), 0755));
    pb::RunPodSandboxRequest pod;
    *pod.mutable_config() = config_;
    id_ = TRY(client_.Call(&RuntimeStub::RunPodSandbox, pod)).pod_sandbox_id();
    pb::CreateContainerRequest create;
    create.set_pod_sandbox_id(id_);
    *create.mutable_config() = container;
    *create.mutable_sandbox_config() = config_;
    pb::StartContainerRequest start;
    start.set_container_id(TRY(client_.Call(&RuntimeStub::CreateContainer, create)).container_id());
    TRY(client_.Call(&RuntimeStub::StartContainer, start));
    return start.container_id();
  }
  void Keep() { keep_ = true; }

 private:
  Result<> Remove() {
    if (!id_.empty()) {
      pb::RemovePodSandboxRequest request;
      request.set_pod_sandbox_id(id_);
      TRY(client_.Call(&RuntimeStub::RemovePodSandbox, request));
    }
    return sys::RemoveTree(kCwd, config_.log_directory());
  }

  Client& client_;
  pb::PodSandboxConfig config_;
  std::string id_;
  bool keep_ = false;
};

// Until it is over; a signal to us stops it.
Result<int> Attend(Client& client, const std::string& id, FdRef signals) {
  auto status = TRY(StatusOf(client, id));
  auto log = TRY(LogTail::Open(status.log_path(), {}));
  status = TRY(Follow(client, id, &log, signals));
  if (status.state() == pb::CONTAINER_RUNNING) {
    pb::StopContainerRequest stop;
    stop.set_container_id(id);
    stop.set_timeout(kGrace);
    TRY(client.Call(&RuntimeStub::StopContainer, stop));
    status = TRY(Follow(client, id, &log, FdRef()));
  }
  if (status.reason() == "OOMKilled") {
    PrintError("cradlectl: the container was killed: out of memory (--memory raises its limit)\n");
  }
  return status.exit_code();
}

Result<> CheckNameIsFree(Client& client, const std::string& name) {
  auto pods = TRY(client.Call(&RuntimeStub::ListPodSandbox, pb::ListPodSandboxRequest()));
  for (const auto& pod : pods.items()) {
    if (pod.metadata().namespace_() != kNamespace || pod.metadata().name() != name) continue;
    return Error(Code::kAlreadyExists,
                 Cat("there is a pod called ", name, ": remove it (cradlectl rm --force ", name,
                     ") or choose another --name"));
  }
  return {};
}

}  // namespace

Result<int> Run(Client& client, const RunOptions& options, FdRef signals) {
  RunOptions named = options;
  if (named.name.empty()) named.name = NameFromImage(options.image, RandomHex64());
  TRYV(CheckNameIsFree(client, named.name));
  auto container = TRY(ContainerConfigFrom(named));
  container.mutable_image()->set_image(TRY(NeedImage(client, options.image, signals)));
  container.mutable_image()->set_user_specified_image(options.image);

  RunPod pod(client, PodConfigFrom(named, RandomHex64(), TRY(LogsDirectory(client))));
  std::string id = TRY(pod.Start(container));
  if (!options.remove) pod.Keep();
  if (!options.detach) return Attend(client, id, signals);
  Print(id + "\n");
  return 0;
}

}  // namespace cradle::ctl
