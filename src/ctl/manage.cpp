#include <filesystem>
#include <set>

#include "base/sys/file.h"
#include "ctl/find.h"
#include "ctl/follow.h"
#include "ctl/output.h"
#include "ctl/terminal.h"
#include "ctl/verbs.h"

namespace cradle::ctl {
namespace {

struct Ids {
  std::string container, pod;  // pod: when the whole pod is meant
};

bool IsOurs(const pb::Container& container) {
  auto label = container.labels().find(kMadeByLabel);
  return label != container.labels().end() && label->second == kMadeByUs;
}

// What `run` made is one thing.
Result<Ids> IdsOf(Client& client, const std::string& name) {
  auto found = TRY(Find(client, name));
  if (auto* pod = std::get_if<pb::PodSandbox>(&found)) return Ids{"", pod->id()};
  const auto& container = std::get<pb::Container>(found);
  return Ids{container.id(), IsOurs(container) ? container.pod_sandbox_id() : ""};
}

Result<> StopContainer(Client& client, const std::string& id, int64_t grace) {
  pb::StopContainerRequest request;
  request.set_container_id(id);
  request.set_timeout(grace);
  TRY(client.Call(&RuntimeStub::StopContainer, request));
  return {};
}

Result<pb::ListContainersResponse> ContainersOf(Client& client, const std::string& pod) {
  pb::ListContainersRequest request;
  request.mutable_filter()->set_pod_sandbox_id(pod);
  return client.Call(&RuntimeStub::ListContainers, request);
}

Result<> StopPod(Client& client, const std::string& pod, int64_t grace) {
  auto containers = TRY(ContainersOf(client, pod));
  for (const auto& container : containers.containers()) {
    if (container.state() == pb::CONTAINER_RUNNING) {
      TRYV(StopContainer(client, container.id(), grace));
    }
  }
  pb::StopPodSandboxRequest request;
  request.set_pod_sandbox_id(pod);
  TRY(client.Call(&RuntimeStub::StopPodSandbox, request));
  return {};
}

Result<> CheckNothingRuns(Client& client, const std::string& name, const Ids& ids) {
  pb::ListContainersRequest request;
  if (ids.pod.empty()) {
    request.mutable_filter()->set_id(ids.container);
  } else {
    request.mutable_filter()->set_pod_sandbox_id(ids.pod);
  }
  request.mutable_filter()->mutable_state()->set_state(pb::CONTAINER_RUNNING);
  auto running = TRY(client.Call(&RuntimeStub::ListContainers, request));
  if (running.containers().empty()) return {};
  return FailedPrecondition(
      Cat(name, " is running: stop it first (cradlectl stop ", name, "), or use rm --force"));
}

// The log directories that `run` made for a pod: below the daemon's own, nowhere else.
Result<std::set<std::string>> OurLogs(Client& client, const std::string& pod) {
  std::string below = TRY(LogsDirectory(client)) + "/";
  auto containers = TRY(ContainersOf(client, pod));
  std::set<std::string> logs;
  for (const auto& container : containers.containers()) {
    if (!IsOurs(container)) continue;
    std::string log = TRY(StatusOf(client, container.id())).log_path();
    if (log.starts_with(below)) logs.insert(std::filesystem::path(log).parent_path().string());
  }
  return logs;
}

Result<> RemovePod(Client& client, const std::string& pod) {
  auto logs = TRY(OurLogs(client, pod));
  pb::RemovePodSandboxRequest request;
  request.set_pod_sandbox_id(pod);
  TRY(client.Call(&RuntimeStub::RemovePodSandbox, request));
  for (const std::string& log : logs) TRYV(sys::RemoveTree(kCwd, log));
  return {};
}

Result<> RemoveOne(Client& client, const std::string& name, bool force) {
  Ids ids = TRY(IdsOf(client, name));
  if (!force) TRYV(CheckNothingRuns(client, name, ids));
  if (!ids.pod.empty()) return RemovePod(client, ids.pod);
  pb::RemoveContainerRequest request;
  request.set_container_id(ids.container);
  TRY(client.Call(&RuntimeStub::RemoveContainer, request));
  return {};
}

// Every name gets its try; each failure is told, the last one ends the program.
template <class Action>
Result<int> ForEach(const std::vector<std::string>& names, Action action) {
  int failed = 0;
  for (const std::string& name : names) {
    Result<> done = action(name);
    if (done.ok()) {
      Print(name + "\n");
    } else {
      PrintError(Cat("cradlectl: ", done.error().text(), "\n"));
      failed = 1;
    }
  }
  return failed;
}

Result<std::string> InspectJson(Client& client, const std::string& name) {
  auto found = Find(client, name);
  if (found.ok()) {
    v1::InspectRequest request;
    request.set_id(std::visit([](const auto& item) { return item.id(); }, *found));
    return TRY(client.Call(&DebugStub::Inspect, request)).json();
  }
  pb::ImageStatusRequest request;
  request.mutable_image()->set_image(name);
  request.set_verbose(true);
  auto image = client.Call(&ImageStub::ImageStatus, request);
  if (!image.ok() || !image->has_image()) return found.error();
  return image->info().at("info");
}

}  // namespace

Result<int> Stop(Client& client, const std::vector<std::string>& names, int64_t grace) {
  return ForEach(names, [&](const std::string& name) -> Result<> {
    Ids ids = TRY(IdsOf(client, name));
    return ids.pod.empty() ? StopContainer(client, ids.container, grace)
                           : StopPod(client, ids.pod, grace);
  });
}

Result<int> Remove(Client& client, const std::vector<std::string>& names, bool force) {
  return ForEach(names, [&](const std::string& name) { return RemoveOne(client, name, force); });
}

Result<int> RemoveImages(Client& client, const std::vector<std::string>& images) {
  return ForEach(images, [&](const std::string& name) -> Result<> {
    pb::ImageStatusRequest status;
    status.mutable_image()->set_image(name);
    if (!TRY(client.Call(&ImageStub::ImageStatus, status)).has_image()) {
      return NotFound(Cat("no image \"", name, "\": cradlectl images shows what is there"));
    }
    pb::RemoveImageRequest request;
    request.mutable_image()->set_image(name);
    TRY(client.Call(&ImageStub::RemoveImage, request));
    return {};
  });
}

Result<int> Inspect(Client& client, const std::vector<std::string>& names, Format format) {
  for (const std::string& name : names) PrintDocument(TRY(InspectJson(client, name)), format);
  return 0;
}

Result<int> Info(Client& client, Format format) {
  auto info = TRY(client.Call(&DebugStub::Info, v1::InfoRequest()));
  if (IsDocument(format)) {
    PrintMessage(info, format);
    return 0;
  }
  std::map<std::string, std::string> facts(info.facts().begin(), info.facts().end());
  size_t width = 0;
  for (const auto& [key, value] : facts) width = std::max(width, key.size());
  std::string out = Cat("cradle ", info.version(), "\n");
  for (const auto& [key, value] : facts) {
    out += Cat("  ", key, std::string(width - key.size() + 2, ' '), value, "\n");
  }
  Print(out);
  return 0;
}

Result<int> Version(Client& client, Format format) {
  auto version = TRY(client.Call(&RuntimeStub::Version, pb::VersionRequest()));
  if (IsDocument(format)) {
    PrintMessage(version, format);
    return 0;
  }
  Print(Cat("cradlectl ", CRADLE_VERSION, "\n", version.runtime_name(), "d ",
            version.runtime_version(), " (CRI ", version.runtime_api_version(), ")\n"));
  return 0;
}

}  // namespace cradle::ctl
