#include <nlohmann/json.hpp>

#include "cri/call.h"
#include "cri/services.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

constexpr char kKubeletApi[] = "0.1.0";  // the kubelet takes nothing else

void AddCondition(pb::StatusResponse& response, const char* type, const Result<>& ready,
                  const char* reason) {
  pb::RuntimeCondition* condition = response.mutable_status()->add_conditions();
  condition->set_type(type);
  condition->set_status(ready.ok());
  if (ready.ok()) return;
  condition->set_reason(reason);
  condition->set_message(ready.error().text());
}

// critest looks for "stateDir" in "config".
std::string ConfigJson(const NodeInfo& node) {
  nlohmann::ordered_json json;
  for (const auto& [key, value] : node.facts) json[key] = value;
  auto alias = [&](const char* name, const char* fact) {
    if (auto found = node.facts.find(fact); found != node.facts.end()) json[name] = found->second;
  };
  alias("rootDir", "root");
  alias("stateDir", "state");
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<> NeedsCriu() {
  return Error(Code::kUnimplemented, "checkpoint and restore need CRIU, which cradle doesn't drive");
}

}  // namespace

using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

Reactor* RuntimeService::Version(Context* context, const pb::VersionRequest*,
                                 pb::VersionResponse* response) {
  response->set_version(kKubeletApi);
  response->set_runtime_name("cradle");
  response->set_runtime_version(backend_.node.version);
  response->set_runtime_api_version("v1");
  return Answer(context);
}

Reactor* RuntimeService::Status(Context* context, const pb::StatusRequest* request,
                                pb::StatusResponse* response) {
  AddCondition(*response, "RuntimeReady", {}, "");
  AddCondition(*response, "NetworkReady", backend_.network.Ready(), "NetworkPluginNotReady");
  if (!backend_.node.apparmor.ok()) {
    AddCondition(*response, "AppArmorReady", backend_.node.apparmor, "AppArmorParserMissing");
  }
  bool user_namespaces = runtime_.UserNamespaces().ok();
  for (const std::string& name : backend_.node.handlers) {
    pb::RuntimeHandler* handler = response->add_runtime_handlers();
    handler->set_name(name);
    handler->mutable_features()->set_recursive_read_only_mounts(true);
    handler->mutable_features()->set_user_namespaces(user_namespaces);
  }
  response->mutable_features()->set_supplemental_groups_policy(true);
  response->mutable_features()->set_user_namespaces_host_network(user_namespaces);
  response->mutable_features()->set_mount_options(true);
  if (request->verbose()) {
    Result<> network = backend_.network.Ready();
    (*response->mutable_info())["config"] = ConfigJson(backend_.node);
    (*response->mutable_info())["lastCNILoadStatus"] = network.ok() ? "OK" : network.error().text();
  }
  return Answer(context);
}

Reactor* RuntimeService::RuntimeConfig(Context* context, const pb::RuntimeConfigRequest*,
                                       pb::RuntimeConfigResponse* response) {
  response->mutable_linux()->set_cgroup_driver(
      backend_.node.driver == cgroups::Driver::kSystemd ? pb::SYSTEMD : pb::CGROUPFS);
  return Answer(context);
}

// The pod CIDR is the network configuration's business.
Reactor* RuntimeService::UpdateRuntimeConfig(Context* context,
                                             const pb::UpdateRuntimeConfigRequest*,
                                             pb::UpdateRuntimeConfigResponse*) {
  return Answer(context);
}

Reactor* RuntimeService::CheckpointContainer(Context* context, const pb::CheckpointContainerRequest*,
                                             pb::CheckpointContainerResponse*) {
  return Answer(context, NeedsCriu());
}

Reactor* RuntimeService::CheckpointPod(Context* context, const pb::CheckpointPodRequest*,
                                       pb::CheckpointPodResponse*) {
  return Answer(context, NeedsCriu());
}

Reactor* RuntimeService::RestorePod(Context* context, const pb::RestorePodRequest*,
                                    pb::RestorePodResponse*) {
  return Answer(context, NeedsCriu());
}

}  // namespace cradle::cri
