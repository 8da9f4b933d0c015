#include "cri/verbose.h"

#include "cri/describe_config.h"
#include "cri/go_json.h"

namespace cradle::cri {
namespace {

using nlohmann::ordered_json;

constexpr char kRuntimeType[] = "io.cradle.v1";
constexpr char kInterface[] = "eth0";

std::string Text(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

ordered_json SpecOr(const Result<std::string>& text) {
  ordered_json spec = text.ok() ? ordered_json::parse(*text, nullptr, false) : ordered_json();
  return spec.is_discarded() ? ordered_json() : spec;
}

ordered_json NetworkResult(const sandbox::PodView& pod) {
  if (pod.ips.empty()) return nullptr;
  ordered_json addresses = ordered_json::array();
  for (const std::string& ip : pod.ips) addresses.push_back({{"IP", ip}});
  return {{"Interfaces", {{kInterface, {{"IPConfigs", addresses}, {"Sandbox", pod.netns_path}}}}}};
}

}  // namespace

std::string ContainerInfo(const sandbox::Runtime& runtime, const sandbox::ContainerView& container) {
  const container::ContainerRecord& record = *container.record;
  return Text({{"sandboxID", record.pod.str()},
               {"pid", container.pid},
               {"removing", false},
               {"snapshotKey", record.id.str()},
               {"snapshotter", "overlayfs"},
               {"runtimeType", kRuntimeType},
               {"runtimeOptions", nullptr},
               {"config", GoJson(DescribeConfig(record.spec))},
               {"runtimeSpec", SpecOr(runtime.RuntimeSpec(container))}});
}

std::string PodInfo(const sandbox::Runtime& runtime, const sandbox::PodView& pod) {
  const sandbox::PodSpec& spec = pod.record.spec;
  return Text({{"pid", pod.pause_pid},
               {"processStatus", pod.pause_pid != 0 ? "running" : "deleted"},
               {"netNamespaceClosed", !spec.host_network && !pod.ready},
               {"image", ""},
               {"snapshotKey", pod.record.id.str()},
               {"snapshotter", ""},
               {"runtimeHandler", spec.handler},
               {"runtimeType", kRuntimeType},
               {"runtimeOptions", nullptr},
               {"config", GoJson(DescribeConfig(spec))},
               {"runtimeSpec", SpecOr(runtime.PodRuntimeSpec(pod))},
               {"cniResult", NetworkResult(pod)}});
}

}  // namespace cradle::cri
