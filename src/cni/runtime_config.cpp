#include "cni/runtime_config.h"

#include <algorithm>

#include "cni/json.h"

namespace cradle::cni {
namespace {

// Values of CNI_ARGS end at ';'; nothing may end the variable or pretend to be another key.
Result<> CheckArg(const char* field, const std::string& value) {
  bool good = value.size() <= 512 && std::ranges::none_of(value, [](unsigned char c) {
                return c == ';' || c == '=' || c <= ' ' || c == 127;
              });
  if (good) return {};
  return InvalidArgument(Cat(field, " \"", Printable(value), "\": not fit for CNI_ARGS"));
}

// The kernel's rules for names of network interfaces.
Result<> CheckIfname(const std::string& name) {
  bool good = !name.empty() && name.size() < 16 && name != "." && name != ".." &&
              std::ranges::none_of(name, [](unsigned char c) {
                return c == '/' || c == ':' || c <= ' ' || c >= 127;
              });
  if (good) return {};
  return InvalidArgument(Cat("interface name \"", Printable(name), "\" is not one"));
}

Result<Json> PortMappings(const std::vector<PortMapping>& mappings) {
  Json out = Json::array();
  for (const PortMapping& one : mappings) {
    for (auto [field, port] :
         {std::pair("host_port", one.host_port), std::pair("container_port", one.container_port)})
      if (port < 1 || port > 65535)
        return InvalidArgument(
            Cat("port_mappings: ", field, " ", std::to_string(port), " is not in 1-65535"));
    if (one.protocol != "tcp" && one.protocol != "udp" && one.protocol != "sctp")
      return InvalidArgument(
          Cat("port_mappings: protocol \"", Printable(one.protocol), "\" is not tcp, udp or sctp"));
    out.push_back({{"hostPort", one.host_port},
                   {"containerPort", one.container_port},
                   {"protocol", one.protocol},
                   {"hostIP", one.host_ip}});
  }
  return out;
}

}  // namespace

Result<Record> MakeRecord(const AddRequest& request) {
  TRYV(CheckPodId(request.pod_id));
  TRYV(CheckIfname(request.ifname));
  TRYV(CheckArg("pod namespace", request.pod_namespace));
  TRYV(CheckArg("pod name", request.pod_name));
  TRYV(CheckArg("pod uid", request.pod_uid));
  Record record;
  record.pod_id = request.pod_id;
  record.netns = request.netns_path;
  record.ifname = request.ifname;
  record.args =
      Cat("IgnoreUnknown=1;K8S_POD_NAMESPACE=", request.pod_namespace,
          ";K8S_POD_NAME=", request.pod_name, ";K8S_POD_INFRA_CONTAINER_ID=", request.pod_id,
          ";K8S_POD_UID=", request.pod_uid);
  record.runtime = request.capabilities;
  for (const auto& [name, text] : record.runtime)
    if (Json::parse(text, nullptr, false).is_discarded())
      return InvalidArgument(Cat("capability ", Printable(name), " is not JSON"));
  if (!request.port_mappings.empty())
    record.runtime["portMappings"] = Dump(TRY(PortMappings(request.port_mappings)));
  return record;
}

}  // namespace cradle::cni
