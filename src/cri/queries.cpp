#include "base/clock.h"
#include "cri/call.h"
#include "cri/describe.h"
#include "cri/find.h"
#include "cri/inspect.h"
#include "cri/services.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

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
  auto pod = FindPod(runtime_, request->pod_sandbox_id());
  if (!pod.ok()) return Answer(context, pod.error());
  *response->mutable_status() = DescribePodStatus(**pod);
  response->set_timestamp(WallNanos());
  pb::ContainerFilter of_this_pod;
  of_this_pod.set_pod_sandbox_id((*pod)->record.id.str());
  for (const auto& container : SelectContainers(runtime_, of_this_pod)) {
    *response->add_containers_statuses() = DescribeContainerStatus(*container);
  }
  if (request->verbose()) (*response->mutable_info())["info"] = InspectPod(**pod);
  return Answer(context);
}

Reactor* RuntimeService::ListContainers(Context* context, const pb::ListContainersRequest* request,
                                        pb::ListContainersResponse* response) {
  for (const auto& container : SelectContainers(runtime_, request->filter())) {
    *response->add_containers() = DescribeContainer(*container);
  }
  return Answer(context);
}

Reactor* RuntimeService::ContainerStatus(Context* context,
                                         const pb::ContainerStatusRequest* request,
                                         pb::ContainerStatusResponse* response) {
  auto container = FindContainer(runtime_, request->container_id());
  if (!container.ok()) return Answer(context, container.error());
  *response->mutable_status() = DescribeContainerStatus(**container);
  if (request->verbose()) (*response->mutable_info())["info"] = InspectContainer(**container);
  return Answer(context);
}

}  // namespace cradle::cri
