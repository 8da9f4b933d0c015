#include "cri/call.h"
#include "cri/convert_container.h"
#include "cri/find.h"
#include "cri/services.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

Result<sandbox::PodResources> PodResourcesFrom(const pb::UpdatePodSandboxResourcesRequest& request) {
  sandbox::PodResources resources;
  if (request.has_overhead()) resources.overhead = TRY(LimitsFrom("overhead", request.overhead()));
  if (request.has_resources()) {
    resources.containers = TRY(LimitsFrom("resources", request.resources()));
  }
  return resources;
}

}  // namespace

using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

// oom_score_adj is the first process's from its start, and not changed: what it has forked since would keep the old one.
Reactor* RuntimeService::UpdateContainerResources(Context*,
                                                  const pb::UpdateContainerResourcesRequest* request,
                                                  pb::UpdateContainerResourcesResponse*) {
  auto call = Call::Begin(Cat("UpdateContainerResources ", request->container_id().substr(0, 12)));
  auto found = FindContainer(runtime_, request->container_id());
  if (!found.ok()) return call->Fail(found.error());
  auto change = LimitsFrom("linux", request->linux());
  if (!change.ok()) return call->Fail(change.error());
  runtime_.UpdateContainer((*found)->record->id.str(), std::move(*change),
                           [call](Result<> done) { call->Complete(done); });
  return call.get();
}

Reactor* RuntimeService::UpdatePodSandboxResources(
    Context*, const pb::UpdatePodSandboxResourcesRequest* request,
    pb::UpdatePodSandboxResourcesResponse*) {
  auto call = Call::Begin(Cat("UpdatePodSandboxResources ", request->pod_sandbox_id().substr(0, 12)));
  auto found = FindPod(runtime_, request->pod_sandbox_id());
  if (!found.ok()) return call->Fail(found.error());
  auto change = PodResourcesFrom(*request);
  if (!change.ok()) return call->Fail(change.error());
  runtime_.UpdatePod((*found)->record.id.str(), std::move(*change),
                     [call](Result<> done) { call->Complete(done); });
  return call.get();
}

}  // namespace cradle::cri
