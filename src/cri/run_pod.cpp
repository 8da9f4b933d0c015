#include "cri/call.h"
#include "cri/convert_pod.h"
#include "cri/find.h"
#include "cri/services.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

Reactor* RuntimeService::RunPodSandbox(Context*, const pb::RunPodSandboxRequest* request,
                                       pb::RunPodSandboxResponse* response) {
  const pb::PodSandboxMetadata& metadata = request->config().metadata();
  auto call = Call::Begin(Cat("RunPodSandbox ", metadata.namespace_(), "/", metadata.name()));
  auto spec = PodSpecFrom(request->config(), request->runtime_handler(), backend_.node.handlers);
  if (!spec.ok()) return call->Fail(spec.error());
  runtime_.RunPod(std::move(*spec), [call, response](Result<PodId> id) {
    call->Complete(id, [&](const PodId& pod) { response->set_pod_sandbox_id(pod.str()); });
  });
  return call.get();
}

Reactor* RuntimeService::StopPodSandbox(Context* context, const pb::StopPodSandboxRequest* request,
                                        pb::StopPodSandboxResponse*) {
  auto id = FindPodToEnd(runtime_, request->pod_sandbox_id());
  if (!id.ok()) return Answer(context, id.error());
  if (!*id) return Answer(context);
  auto call = Call::Begin(Cat("StopPodSandbox ", id->value().substr(0, 12)));
  runtime_.StopPod(**id, [call](Result<> done) { call->Complete(done); });
  return call.get();
}

Reactor* RuntimeService::RemovePodSandbox(Context* context,
                                          const pb::RemovePodSandboxRequest* request,
                                          pb::RemovePodSandboxResponse*) {
  auto id = FindPodToEnd(runtime_, request->pod_sandbox_id());
  if (!id.ok()) return Answer(context, id.error());
  if (!*id) return Answer(context);
  auto call = Call::Begin(Cat("RemovePodSandbox ", id->value().substr(0, 12)));
  runtime_.RemovePod(**id, [call](Result<> done) { call->Complete(done); });
  return call.get();
}

}  // namespace cradle::cri
