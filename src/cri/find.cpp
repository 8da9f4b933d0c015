#include "cri/find.h"

#include <algorithm>

#include "cri/check.h"
#include "cri/describe.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

using sandbox::ContainerPtr;
using sandbox::PodPtr;
using sandbox::Runtime;
using Map = google::protobuf::Map<std::string, std::string>;

// Ids are hex digits: anything else (somebody's UUID) is unknown, not wrong.
Result<> CheckMayBeId(std::string_view field, const std::string& id) {
  if (id.empty()) return Bad(field, id, "must not be empty");
  if (!IsHexPrefix(id)) return NotFound(Cat(field, ": ", Quoted(id), ": there is none"));
  return {};
}

template <class Ptr>
Result<std::optional<std::string>> WholeId(const Result<Ptr>& found,
                                           const std::string& (*id)(const Ptr&)) {
  if (found.ok()) return std::optional(id(*found));
  if (found.error().code() == Code::kNotFound) return std::optional<std::string>();
  return found.error();
}

const std::string& IdOf(const PodPtr& pod) { return pod->record.id.str(); }
const std::string& IdOf(const ContainerPtr& container) { return container->record->id.str(); }

bool HasLabels(const sandbox::StringMap& labels, const Map& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& want) {
    auto found = labels.find(want.first);
    return found != labels.end() && found->second == want.second;
  });
}

bool Passes(const PodPtr& pod, const pb::PodSandboxFilter& filter) {
  if (filter.has_state() && StateOf(*pod) != filter.state().state()) return false;
  return HasLabels(pod->record.spec.labels, filter.label_selector());
}

bool Passes(const ContainerPtr& container, const pb::ContainerFilter& filter) {
  const std::string& pod = container->record->pod.str();
  if (filter.has_state() && StateOf(*container) != filter.state().state()) return false;
  if (!filter.pod_sandbox_id().empty() && !pod.starts_with(filter.pod_sandbox_id())) return false;
  return HasLabels(container->record->spec.labels, filter.label_selector());
}

template <class Ptr, class Filter>
std::vector<Ptr> Select(std::vector<Ptr> all, const Filter& filter) {
  std::erase_if(all, [&](const Ptr& item) { return !Passes(item, filter); });
  return all;
}

}  // namespace

Result<PodPtr> FindPod(const Runtime& runtime, const std::string& id) {
  TRYV(CheckMayBeId("pod_sandbox_id", id));
  return runtime.FindPod(id);
}

Result<ContainerPtr> FindContainer(const Runtime& runtime, const std::string& id) {
  TRYV(CheckMayBeId("container_id", id));
  return runtime.FindContainer(id);
}

Result<std::optional<std::string>> FindPodToEnd(const Runtime& runtime, const std::string& id) {
  return WholeId<PodPtr>(FindPod(runtime, id), IdOf);
}

Result<std::optional<std::string>> FindContainerToEnd(const Runtime& runtime,
                                                      const std::string& id) {
  return WholeId<ContainerPtr>(FindContainer(runtime, id), IdOf);
}

std::vector<PodPtr> SelectPods(const Runtime& runtime, const pb::PodSandboxFilter& filter) {
  if (filter.id().empty()) return Select(runtime.ListPods(), filter);
  auto found = FindPod(runtime, filter.id());
  return found.ok() ? Select(std::vector{*found}, filter) : std::vector<PodPtr>();
}

std::vector<ContainerPtr> SelectContainers(const Runtime& runtime,
                                           const pb::ContainerFilter& filter) {
  if (filter.id().empty()) return Select(runtime.ListContainers(), filter);
  auto found = FindContainer(runtime, filter.id());
  return found.ok() ? Select(std::vector{*found}, filter) : std::vector<ContainerPtr>();
}

}  // namespace cradle::cri
