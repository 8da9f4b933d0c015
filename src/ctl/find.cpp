#include "ctl/find.h"

#include "base/ids.h"

namespace cradle::ctl {
namespace {

std::string NameOf(const pb::Container& container) { return container.metadata().name(); }
std::string NameOf(const pb::PodSandbox& pod) { return pod.metadata().name(); }
std::string LongNameOf(const pb::Container& container) { return NameOf(container); }
std::string LongNameOf(const pb::PodSandbox& pod) {
  return Cat(pod.metadata().namespace_(), "/", pod.metadata().name());
}
bool IsAlive(const pb::Container& container) { return container.state() == pb::CONTAINER_RUNNING; }
bool IsAlive(const pb::PodSandbox& pod) { return pod.state() == pb::SANDBOX_READY; }

Error Ambiguous(const std::string& name, size_t count) {
  return InvalidArgument(Cat("\"", name, "\" means ", std::to_string(count),
                             " things: say more of the id (cradlectl ps -a, cradlectl pods -a)"));
}

// Null: none. The one with this id; else the only alive one of this name, or the only one; else the
// only one whose id begins so.
template <class List>
auto Pick(const List& list, const std::string& name) -> Result<decltype(&*list.begin())> {
  std::vector<decltype(&*list.begin())> named, alive, prefixed;
  for (const auto& item : list) {
    if (item.id() == name) return &item;
    if (NameOf(item) == name || LongNameOf(item) == name) {
      named.push_back(&item);
      if (IsAlive(item)) alive.push_back(&item);
    }
    if (IsHexPrefix(name) && item.id().starts_with(name)) prefixed.push_back(&item);
  }
  for (const auto* found : {&alive, &named, &prefixed}) {
    if (found->size() == 1) return found->front();
    if (found->size() > 1) return Ambiguous(name, found->size());
  }
  return nullptr;
}

}  // namespace

Result<Found> Find(Client& client, const std::string& name) {
  auto containers = TRY(client.Call(&RuntimeStub::ListContainers, pb::ListContainersRequest()));
  if (const auto* container = TRY(Pick(containers.containers(), name))) return Found(*container);
  auto pods = TRY(client.Call(&RuntimeStub::ListPodSandbox, pb::ListPodSandboxRequest()));
  if (const auto* pod = TRY(Pick(pods.items(), name))) return Found(*pod);
  return NotFound(Cat("no container or pod is called \"", name,
                      "\": cradlectl ps -a and cradlectl pods -a show them all"));
}

Result<pb::Container> FindContainer(Client& client, const std::string& name) {
  auto found = TRY(Find(client, name));
  if (auto* container = std::get_if<pb::Container>(&found)) return std::move(*container);
  pb::ListContainersRequest request;
  const std::string& pod = std::get<pb::PodSandbox>(found).id();
  request.mutable_filter()->set_pod_sandbox_id(pod);
  auto list = TRY(client.Call(&RuntimeStub::ListContainers, request));
  if (list.containers_size() == 1) return list.containers(0);
  return InvalidArgument(Cat("\"", name, "\" is a pod with ",
                             std::to_string(list.containers_size()),
                             " containers: name one of them (cradlectl ps -a)"));
}

Result<std::map<std::string, std::string>> PodNames(Client& client) {
  auto pods = TRY(client.Call(&RuntimeStub::ListPodSandbox, pb::ListPodSandboxRequest()));
  std::map<std::string, std::string> names;
  for (const auto& pod : pods.items())
    names[pod.id()] = Cat(pod.metadata().namespace_(), "/", pod.metadata().name());
  return names;
}

}  // namespace cradle::ctl
