#include <algorithm>

#include "base/clock.h"
#include "cri/call.h"
#include "cri/check.h"
#include "cri/convert_container.h"
#include "cri/find.h"
#include "cri/services.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

// Longer graces end here: a year.
constexpr int64_t kLongest = 365 * 24 * 3600;

// A pid namespace may be shared with a running container of the same pod only.
Result<> ResolveTarget(const sandbox::Runtime& runtime, const std::string& pod,
                       container::SecuritySpec& security) {
  if (security.pid_mode != container::PidMode::kTarget) return {};
  constexpr char kField[] = "linux.security_context.namespace_options.target_id";
  auto target = runtime.FindContainer(security.pid_target);
  if (!target.ok() || (*target)->record->pod.str() != pod) {
    return Bad(kField, security.pid_target, "no container of this pod");
  }
  if ((*target)->state != sandbox::State::kRunning) {
    return FailedPrecondition(Cat(kField, ": ", Quoted(security.pid_target), ": is not running"));
  }
  security.pid_target = (*target)->record->id.str();
  return {};
}

Result<container::ContainerSpec> MakeSpec(const sandbox::Runtime& runtime,
                                          const sandbox::PodView& pod,
                                          const pb::ContainerConfig& config) {
  auto spec = TRY(ContainerSpecFrom(config, pod.record.spec));
  TRYV(ResolveTarget(runtime, pod.record.id.str(), spec.security));
  return spec;
}

std::string Named(const char* rpc, const std::string& id) {
  return Cat(rpc, " ", id.substr(0, 12));
}

}  // namespace

using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

Reactor* RuntimeService::CreateContainer(Context*, const pb::CreateContainerRequest* request,
                                         pb::CreateContainerResponse* response) {
  auto call = Call::Begin(Cat("CreateContainer ", request->config().metadata().name(), " in ",
                              request->pod_sandbox_id().substr(0, 12)));
  auto pod = FindPod(runtime_, request->pod_sandbox_id());
  if (!pod.ok()) return call->Fail(pod.error());
  if (!(*pod)->ready) {
    return call->Fail(FailedPrecondition(
        Cat("pod_sandbox_id: ", Quoted(request->pod_sandbox_id()), ": the pod is not ready")));
  }
  auto spec = MakeSpec(runtime_, **pod, request->config());
  if (!spec.ok()) return call->Fail(spec.error());
  runtime_.CreateContainer(
      (*pod)->record.id.str(), std::move(*spec), [call, response](Result<ContainerId> id) {
        call->Complete(
            id, [&](const ContainerId& container) { response->set_container_id(container.str()); });
      });
  return call.get();
}

Reactor* RuntimeService::StartContainer(Context*, const pb::StartContainerRequest* request,
                                        pb::StartContainerResponse*) {
  auto call = Call::Begin(Named("StartContainer", request->container_id()));
  auto found = FindContainer(runtime_, request->container_id());
  if (!found.ok()) return call->Fail(found.error());
  runtime_.StartContainer((*found)->record->id.str(),
                          [call](Result<> done) { call->Complete(done); });
  return call.get();
}

Reactor* RuntimeService::StopContainer(Context* context, const pb::StopContainerRequest* request,
                                       pb::StopContainerResponse*) {
  if (request->timeout() < 0) {
    return Answer(context, Bad("timeout", request->timeout(), "must not be negative"));
  }
  auto id = FindContainerToEnd(runtime_, request->container_id());
  if (!id.ok()) return Answer(context, id.error());
  if (!*id) return Answer(context);
  auto call = Call::Begin(Named("StopContainer", **id));
  runtime_.StopContainer(**id, seconds(std::min(request->timeout(), kLongest)),
                         [call](Result<> done) { call->Complete(done); });
  return call.get();
}

Reactor* RuntimeService::RemoveContainer(Context* context,
                                         const pb::RemoveContainerRequest* request,
                                         pb::RemoveContainerResponse*) {
  auto id = FindContainerToEnd(runtime_, request->container_id());
  if (!id.ok()) return Answer(context, id.error());
  if (!*id) return Answer(context);
  auto call = Call::Begin(Named("RemoveContainer", **id));
  runtime_.RemoveContainer(**id, [call](Result<> done) { call->Complete(done); });
  return call.get();
}

Reactor* RuntimeService::ReopenContainerLog(Context*, const pb::ReopenContainerLogRequest* request,
                                            pb::ReopenContainerLogResponse*) {
  auto call = Call::Begin(Named("ReopenContainerLog", request->container_id()));
  auto found = FindContainer(runtime_, request->container_id());
  if (!found.ok()) return call->Fail(found.error());
  if ((*found)->state != sandbox::State::kRunning) {
    return call->Fail(FailedPrecondition(
        Cat("container_id: ", Quoted(request->container_id()), ": the container is not running")));
  }
  runtime_.ReopenLog((*found)->record->id.str(), [call](Result<> done) { call->Complete(done); });
  return call.get();
}

}  // namespace cradle::cri
