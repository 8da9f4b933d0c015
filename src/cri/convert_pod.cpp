#include "cri/convert_pod.h"

#include "cri/check.h"
#include "cri/convert_container.h"
#include "sandbox/bandwidth.h"
#include "cri/convert_users.h"
#include "sandbox/sysctls.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

constexpr std::string_view kNamespaces = "linux.security_context.namespace_options";

Result<> ConvertMetadata(const pb::PodSandboxMetadata& metadata, sandbox::PodSpec& spec) {
  TRYV(CheckName("metadata.name", metadata.name()));
  TRYV(CheckName("metadata.namespace", metadata.namespace_()));
  TRYV(CheckName("metadata.uid", metadata.uid()));
  spec.name = metadata.name();
  spec.name_space = metadata.namespace_();
  spec.uid = metadata.uid();
  spec.attempt = metadata.attempt();
  return {};
}

using Words = google::protobuf::RepeatedPtrField<std::string>;

Result<std::vector<std::string>> ConvertWords(std::string_view field, const Words& words) {
  for (int i = 0; i < words.size(); ++i) TRYV(CheckWord(Indexed(field, i), words[i]));
  return std::vector<std::string>(words.begin(), words.end());
}

Result<> CheckViews(const sandbox::PodSpec& spec) {
  auto asked = spec.annotations.find(sandbox::kViewsAnnotation);
  if (asked == spec.annotations.end() || asked->second == sandbox::kViewsOn || asked->second == sandbox::kViewsOff)
    return {};
  return Bad(Cat("annotations[", sandbox::kViewsAnnotation, "]"), asked->second, "must be on or off");
}

Result<> ConvertDns(const pb::DNSConfig& config, sandbox::PodSpec& spec) {
  sandbox::DnsSpec dns;
  dns.servers = TRY(ConvertWords("dns_config.servers", config.servers()));
  for (int i = 0; i < config.servers_size(); ++i) {
    const std::string& server = config.servers(i);  // a link-local one may name its interface: fe80::1%eth0
    TRYV(CheckIpAddress(Indexed("dns_config.servers", i), server.substr(0, server.find('%'))));
  }
  dns.searches = TRY(ConvertWords("dns_config.searches", config.searches()));
  dns.options = TRY(ConvertWords("dns_config.options", config.options()));
  if (dns != sandbox::DnsSpec{}) spec.dns = std::move(dns);
  return {};
}

Result<std::string> ProtocolName(const std::string& field, pb::Protocol protocol) {
  switch (protocol) {
    case pb::TCP:
      return std::string("tcp");
    case pb::UDP:
      return std::string("udp");
    case pb::SCTP:
      return std::string("sctp");
    default:
      return Bad(field, static_cast<int64_t>(protocol), "no such protocol");
  }
}

Result<> ConvertPorts(const pb::PodSandboxConfig& config, sandbox::PodSpec& spec) {
  for (int i = 0; i < config.port_mappings_size(); ++i) {
    const pb::PortMapping& port = config.port_mappings(i);
    std::string field = Indexed("port_mappings", i);
    cni::PortMapping mapping;
    mapping.protocol = TRY(ProtocolName(field + ".protocol", port.protocol()));
    TRYV(CheckRange(field + ".host_port", port.host_port(), 0, 65535));
    TRYV(CheckRange(field + ".container_port", port.container_port(), port.host_port() ? 1 : 0,
                    65535));
    if (!port.host_ip().empty()) TRYV(CheckIpAddress(field + ".host_ip", port.host_ip()));
    if (port.host_port() == 0) continue;
    mapping.container_port = port.container_port();
    mapping.host_port = port.host_port();
    mapping.host_ip = port.host_ip();
    spec.port_mappings.push_back(std::move(mapping));
  }
  return {};
}

Result<bool> IsHost(std::string_view name, pb::NamespaceMode mode) {
  if (mode == pb::POD || mode == pb::NODE) return mode == pb::NODE;
  return Bad(Cat(kNamespaces, ".", name), pb::NamespaceMode_Name(mode), "must be POD or NODE");
}

Result<> NotWithUsers(std::string_view name) {
  return Bad(Cat(kNamespaces, name), "NODE", "can't be had with a user namespace");
}

Result<> ConvertNamespaces(const pb::NamespaceOption& options, sandbox::PodSpec& spec) {
  spec.host_network = TRY(IsHost("network", options.network()));
  spec.host_ipc = TRY(IsHost("ipc", options.ipc()));
  switch (options.pid()) {
    case pb::POD:
      spec.pid_mode = container::PidMode::kPod;
      break;
    case pb::CONTAINER:
      spec.pid_mode = container::PidMode::kContainer;
      break;
    case pb::NODE:
      spec.pid_mode = container::PidMode::kNode;
      break;
    default:
      return Bad(Cat(kNamespaces, ".pid"), pb::NamespaceMode_Name(options.pid()),
                 "must be POD, CONTAINER or NODE");
  }
  if (!options.has_userns_options()) return {};
  spec.users = TRY(UsersFrom(Cat(kNamespaces, ".userns_options"), options.userns_options()));
  if (!spec.users) return {};
  // What the host's own have in them is not the pod's root's to see or to touch.
  if (spec.pid_mode == container::PidMode::kNode) return NotWithUsers(".pid");
  if (spec.host_ipc) return NotWithUsers(".ipc");
  return {};
}

Result<> ConvertSecurity(const pb::LinuxSandboxSecurityContext& context, sandbox::PodSpec& spec) {
  if (context.has_run_as_user()) {
    TRY(CheckId("linux.security_context.run_as_user", context.run_as_user().value()));
  }
  if (context.has_run_as_group()) {
    int64_t group = context.run_as_group().value();
    TRY(CheckId("linux.security_context.run_as_group", group));
    if (!context.has_run_as_user()) {
      return Bad("linux.security_context.run_as_group", group, "needs run_as_user");
    }
  }
  for (int64_t group : context.supplemental_groups()) {
    TRY(CheckId("linux.security_context.supplemental_groups", group));
  }
  spec.privileged = context.privileged();
  spec.selinux = TRY(SelinuxOptionsFrom(context.selinux_options()));
  return ConvertNamespaces(context.namespace_options(), spec);
}

Result<> ConvertLinux(const pb::LinuxPodSandboxConfig& config, sandbox::PodSpec& spec) {
  TRYV(ConvertSecurity(config.security_context(), spec));
  if (!config.cgroup_parent().empty()) {
    TRYV(CheckAbsolutePath("linux.cgroup_parent", config.cgroup_parent()));
    TRYV(CheckLine("linux.cgroup_parent", config.cgroup_parent()));
    spec.cgroup_parent = config.cgroup_parent();
  }
  if (config.has_overhead())
    spec.resources.overhead = TRY(LimitsFrom("linux.overhead", config.overhead()));
  if (config.has_resources())
    spec.resources.containers = TRY(LimitsFrom("linux.resources", config.resources()));
  spec.sysctls = {config.sysctls().begin(), config.sysctls().end()};
  return sandbox::CheckSysctls(spec.sysctls, spec.host_network, spec.host_ipc)
      .With("linux.sysctls");
}

Result<> Convert(const pb::PodSandboxConfig& config, sandbox::PodSpec& spec) {
  TRYV(ConvertMetadata(config.metadata(), spec));
  TRYV(CheckHostname("hostname", config.hostname()));
  spec.hostname = config.hostname();
  if (!config.log_directory().empty()) {
    TRYV(CheckAbsolutePath("log_directory", config.log_directory()));
    TRYV(CheckLine("log_directory", config.log_directory()));
    spec.log_directory = config.log_directory();
  }
  TRYV(ConvertDns(config.dns_config(), spec));
  TRYV(ConvertPorts(config, spec));
  spec.labels = {config.labels().begin(), config.labels().end()};
  spec.annotations = {config.annotations().begin(), config.annotations().end()};
  TRY(sandbox::BandwidthCapability(spec.annotations).With("annotations"));
  TRYV(CheckViews(spec));
  return ConvertLinux(config.linux(), spec);
}

}  // namespace

Result<sandbox::PodSpec> PodSpecFrom(const pb::PodSandboxConfig& config, const std::string& runtime_handler,
                                     const std::set<std::string>& handlers) {
  TRYV(CheckHandler("runtime_handler", runtime_handler, handlers));
  sandbox::PodSpec spec;
  spec.handler = runtime_handler;
  TRYV(Convert(config, spec));
  return spec;
}

}  // namespace cradle::cri
