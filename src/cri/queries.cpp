#include "base/clock.h"
#include "cri/call.h"
#include "cri/describe.h"
#include "cri/find.h"
#include "cri/inspect.h"
#include "cri/list_stream.h"
#include "cri/verbose.h"
#include "cri/services.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

namespace {

using Infos = std::map<std::string, std::string>;

// The rest of an answer that looks at more than memory.
template <class Response, class Look>
Reactor* AnswerVerbose(ThreadPool& pool, Response* response, Look look) {
  auto call = Call::Begin("a verbose status", log::Level::kDebug);
  pool.Post([call, response, look] {
    call->Complete(Result<Infos>(look()),
                   [&](const Infos& infos) { response->mutable_info()->insert(infos.begin(), infos.end()); });
  });
  return call.get();
}

}  // namespace

Reactor* RuntimeService::ListPodSandbox(Context* context, const pb::ListPodSandboxRequest* request,
                                        pb::ListPodSandboxResponse* response) {
  for (const auto& pod : SelectPods(runtime_, request->filter())) {
    *response->add_items() = DescribePod(*pod);
  }
  return Answer(context);
}

Reactor* RuntimeService::PodSandboxStatus(Context* context,
                                          const pb::PodSandboxStatusRequest* request,
                                          pb::PodSandboxStatusResponse* response) {
  // Before the state is looked at: what is told is at least as new.
  response->set_timestamp(WallNanos());
  auto pod = FindPod(runtime_, request->pod_sandbox_id());
  if (!pod.ok()) return Answer(context, pod.error());
  *response->mutable_status() = DescribePodStatus(**pod);
  pb::ContainerFilter of_this_pod;
  of_this_pod.set_pod_sandbox_id((*pod)->record.id.str());
  for (const auto& container : SelectContainers(runtime_, of_this_pod)) {
    *response->add_containers_statuses() = DescribeContainerStatus(*container);
  }
  if (!request->verbose()) return Answer(context);
  return AnswerVerbose(runtime_.pool(), response, [&runtime = runtime_, pod = *pod] {
    return Infos{{"info", PodInfo(runtime, *pod)}, {"cradle", InspectPod(*pod)}};
  });
}

grpc::ServerWriteReactor<pb::StreamPodSandboxesResponse>* RuntimeService::StreamPodSandboxes(
    Context*, const pb::StreamPodSandboxesRequest* request) {
  auto add = [](const sandbox::PodPtr& pod, pb::StreamPodSandboxesResponse& page) {
    return (*page.add_pod_sandboxes() = DescribePod(*pod)).ByteSizeLong();
  };
  return StreamAll<pb::StreamPodSandboxesResponse>(SelectPods(runtime_, request->filter()), add);
}

Reactor* RuntimeService::ListContainers(Context* context, const pb::ListContainersRequest* request,
                                        pb::ListContainersResponse* response) {
  for (const auto& container : SelectContainers(runtime_, request->filter())) {
    *response->add_containers() = DescribeContainer(*container);
  }
  return Answer(context);
}

grpc::ServerWriteReactor<pb::StreamContainersResponse>* RuntimeService::StreamContainers(
    Context*, const pb::StreamContainersRequest* request) {
  auto add = [](const sandbox::ContainerPtr& container, pb::StreamContainersResponse& page) {
    return (*page.add_containers() = DescribeContainer(*container)).ByteSizeLong();
  };
  return StreamAll<pb::StreamContainersResponse>(SelectContainers(runtime_, request->filter()), add);
}

Reactor* RuntimeService::ContainerStatus(Context* context,
                                         const pb::ContainerStatusRequest* request,
                                         pb::ContainerStatusResponse* response) {
  auto container = FindContainer(runtime_, request->container_id());
  if (!container.ok()) return Answer(context, container.error());
  *response->mutable_status() = DescribeContainerStatus(**container);
  if (!request->verbose()) return Answer(context);
  return AnswerVerbose(runtime_.pool(), response, [&runtime = runtime_, container = *container] {
    return Infos{{"info", ContainerInfo(runtime, *container)}, {"cradle", InspectContainer(*container)}};
  });
}

}  // namespace cradle::cri
