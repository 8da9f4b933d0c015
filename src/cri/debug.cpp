#include "cri/debug.h"

#include <algorithm>

#include "cri/call.h"
#include "cri/check.h"
#include "cri/find.h"
#include "cri/inspect.h"
#include "cri/pull_stream.h"

namespace cradle::cri {
namespace {

using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

template <class List, class Pred>
std::string CountIf(const List& list, Pred pred) {
  return std::to_string(std::count_if(list.begin(), list.end(), pred));
}

// Containers first: that is what people look at.
Result<std::string> InspectAny(const sandbox::Runtime& runtime, const std::string& id) {
  auto container = FindContainer(runtime, id);
  auto pod = FindPod(runtime, id);
  if (container.ok() && pod.ok()) {
    return Bad("id", id, "is the beginning of a container's and of a pod's id: say more of it");
  }
  if (container.ok()) return InspectContainer(**container);
  if (pod.ok()) return InspectPod(**pod);
  if (container.error().code() == Code::kNotFound && pod.error().code() == Code::kNotFound) {
    return NotFound(Cat("id: ", Quoted(id), ": there is no such pod or container"));
  }
  return container.error().code() == Code::kNotFound ? pod.error() : container.error();
}

}  // namespace

Reactor* DebugService::Info(Context* context, const v1::InfoRequest*, v1::InfoResponse* response) {
  response->set_version(backend_.node.version);
  auto& facts = *response->mutable_facts();
  for (const auto& [key, value] : backend_.node.facts) facts[key] = value;
  auto pods = backend_.runtime.ListPods();
  auto containers = backend_.runtime.ListContainers();
  facts["pods"] = std::to_string(pods.size());
  facts["pods ready"] = CountIf(pods, [](const auto& pod) { return pod->ready; });
  facts["containers"] = std::to_string(containers.size());
  facts["containers running"] =
      CountIf(containers, [](const auto& item) { return item->state == sandbox::State::kRunning; });
  facts["images"] = std::to_string(backend_.images.List().size());
  auto ready = backend_.network.Ready();
  facts["network"] = ready.ok() ? "ready" : ready.error().text();
  return Answer(context);
}

Reactor* DebugService::ImportImage(Context*, const v1::ImportImageRequest* request,
                                   v1::ImportImageResponse* response) {
  auto call = Call::Begin(Cat("ImportImage ", Quoted(request->path())));
  if (auto path = CheckAbsolutePath("path", request->path()); !path.ok()) {
    return call->Fail(path.error());
  }
  backend_.runtime.pool().Post(
      [&images = backend_.images, call, response, path = request->path(), name = request->name()] {
        call->Complete(images.Import(path, name), [&](const auto& imported) {
          for (const auto& image : imported) {
            response->add_images(image->id);
            for (const auto& tag : image->repo_tags) response->add_names(tag);
          }
        });
      });
  return call.get();
}

grpc::ServerWriteReactor<v1::PullImageProgress>* DebugService::PullImage(
    Context*, const v1::PullImageRequest* request) {
  return PullStream::Begin(backend_, *request);
}

Reactor* DebugService::Inspect(Context* context, const v1::InspectRequest* request,
                               v1::InspectResponse* response) {
  auto json = InspectAny(backend_.runtime, request->id());
  if (!json.ok()) return Answer(context, json.error());
  response->set_json(std::move(*json));
  return Answer(context);
}

}  // namespace cradle::cri
