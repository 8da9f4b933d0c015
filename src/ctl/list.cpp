#include "base/clock.h"
#include "ctl/client.h"
#include "ctl/find.h"
#include "ctl/output.h"
#include "ctl/table.h"
#include "ctl/terminal.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

namespace cradle::ctl {
namespace {

std::string Age(int64_t since) { return FormatAge(WallNanos() - since); }

template <class List>
int ShowIds(const List& list) {
  std::string out;
  for (const auto& item : list) out += item.id() + "\n";
  Print(out);
  return 0;
}

const char* StateName(pb::ContainerState state) {
  switch (state) {
    case pb::CONTAINER_CREATED:
      return "created";
    case pb::CONTAINER_RUNNING:
      return "running";
    case pb::CONTAINER_EXITED:
      return "exited";
    default:
      return "unknown";
  }
}

// "exited (3)" and the like; the list itself has no exit codes.
std::string StateOf(Client& client, const pb::Container& container) {
  std::string state = StateName(container.state());
  if (container.state() != pb::CONTAINER_EXITED) return state;
  pb::ContainerStatusRequest request;
  request.set_container_id(container.id());
  auto status = client.Call(&RuntimeStub::ContainerStatus, request);
  if (!status.ok()) return state;
  std::string code = std::to_string(status->status().exit_code());
  return Cat(state, " (", code, status->status().reason() == "OOMKilled" ? ", OOM" : "", ")");
}

std::string AddressOf(Client& client, const std::string& pod) {
  pb::PodSandboxStatusRequest request;
  request.set_pod_sandbox_id(pod);
  auto status = client.Call(&RuntimeStub::PodSandboxStatus, request);
  return status.ok() ? status->status().network().ip() : "";
}

// "registry/name:tag" -> {"registry/name", "tag"}
std::pair<std::string, std::string> SplitTag(const std::string& reference) {
  size_t colon = reference.rfind(':');
  if (colon == reference.npos || reference.find('/', colon) != reference.npos)
    return {reference, ""};
  return {reference.substr(0, colon), reference.substr(colon + 1)};
}

}  // namespace

Result<int> Ps(Client& client, const ListOptions& options) {
  pb::ListContainersRequest request;
  if (!options.all) request.mutable_filter()->mutable_state()->set_state(pb::CONTAINER_RUNNING);
  auto list = TRY(client.Call(&RuntimeStub::ListContainers, request));
  if (options.quiet) return ShowIds(list.containers());
  if (IsDocument(options.format)) {
    PrintMessage(list, options.format);
    return 0;
  }
  auto pod_names = TRY(PodNames(client));
  Table table({{"CONTAINER"}, {"NAME", true}, {"STATE"}, {"AGE"}, {"IMAGE", true}, {"POD", true}});
  for (const auto& container : list.containers()) {
    table.Add({ShortId(container.id(), options.format), container.metadata().name(),
               StateOf(client, container), Age(container.created_at()), container.image().image(),
               pod_names[container.pod_sandbox_id()]});
  }
  PrintTable(table, options.format);
  return 0;
}

Result<int> Pods(Client& client, const ListOptions& options) {
  auto list = TRY(client.Call(&RuntimeStub::ListPodSandbox, pb::ListPodSandboxRequest()));
  if (options.quiet) return ShowIds(list.items());
  if (IsDocument(options.format)) {
    PrintMessage(list, options.format);
    return 0;
  }
  Table table({{"POD"}, {"NAMESPACE", true}, {"NAME", true}, {"STATE"}, {"AGE"}, {"ADDRESS"}});
  for (const auto& pod : list.items()) {
    bool ready = pod.state() == pb::SANDBOX_READY;
    table.Add({ShortId(pod.id(), options.format), pod.metadata().namespace_(), pod.metadata().name(),
               ready ? "ready" : "not ready", Age(pod.created_at()), AddressOf(client, pod.id())});
  }
  PrintTable(table, options.format);
  return 0;
}

Result<int> Images(Client& client, const ListOptions& options) {
  auto list = TRY(client.Call(&ImageStub::ListImages, pb::ListImagesRequest()));
  if (options.quiet) return ShowIds(list.images());
  if (IsDocument(options.format)) {
    PrintMessage(list, options.format);
    return 0;
  }
  Table table({{"IMAGE", true}, {"TAG", true}, {"ID"}, {"SIZE"}});
  for (const auto& image : list.images()) {
    std::string id = ShortId(image.id(), options.format);
    std::string size = FormatBytes(image.size());
    for (const auto& reference : image.repo_tags()) {
      auto [name, tag] = SplitTag(reference);
      table.Add({name, tag, id, size});
    }
    if (image.repo_tags().empty()) {
      std::string digest = image.repo_digests().empty() ? "<none>" : image.repo_digests(0);
      table.Add({digest.substr(0, digest.find('@')), "<none>", id, size});
    }
  }
  PrintTable(table, options.format);
  return 0;
}

}  // namespace cradle::ctl
