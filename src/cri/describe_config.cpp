#include "cri/describe_config.h"

#include "container/build_plan.h"
#include "cri/convert_container.h"
#include "cri/describe.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

using container::ContainerSpec;
using container::SecuritySpec;
using container::SeccompSpec;

template <class List, class Out>
void Append(const List& from, Out* to) {
  for (const auto& one : from) to->Add(typename List::value_type(one));
}

void FillSeccomp(const SeccompSpec& seccomp, pb::SecurityProfile* out) {
  switch (seccomp.type) {
    case SeccompSpec::Type::kUnconfined:
      out->set_profile_type(pb::SecurityProfile::Unconfined);
      return;
    case SeccompSpec::Type::kRuntimeDefault:
      out->set_profile_type(pb::SecurityProfile::RuntimeDefault);
      return;
    case SeccompSpec::Type::kLocalhost:
      out->set_profile_type(pb::SecurityProfile::Localhost);
      out->set_localhost_ref(seccomp.localhost_path);
  }
}

void FillSecurity(const SecuritySpec& spec, pb::LinuxContainerSecurityContext* out) {
  pb::Capability capabilities;
  Append(spec.caps_add, capabilities.mutable_add_capabilities());
  Append(spec.caps_drop, capabilities.mutable_drop_capabilities());
  Append(spec.caps_ambient, capabilities.mutable_add_ambient_capabilities());
  if (capabilities.ByteSizeLong() != 0) *out->mutable_capabilities() = capabilities;
  out->set_privileged(spec.privileged);
  pb::NamespaceOption* namespaces = out->mutable_namespace_options();
  namespaces->set_network(spec.host_network ? pb::NODE : pb::POD);
  namespaces->set_ipc(spec.host_ipc ? pb::NODE : pb::POD);
  namespaces->set_pid(ModeOf(spec.pid_mode));
  namespaces->set_target_id(spec.pid_target);
  if (spec.run_as_user) out->mutable_run_as_user()->set_value(*spec.run_as_user);
  if (spec.run_as_group) out->mutable_run_as_group()->set_value(*spec.run_as_group);
  out->set_run_as_username(spec.run_as_username);
  out->set_readonly_rootfs(spec.readonly_rootfs);
  for (uint32_t group : spec.supplemental_groups) out->add_supplemental_groups(group);
  if (spec.strict_groups) out->set_supplemental_groups_policy(pb::Strict);
  out->set_no_new_privs(spec.no_new_privs);
  Append(spec.masked_paths, out->mutable_masked_paths());
  Append(spec.readonly_paths, out->mutable_readonly_paths());
  FillSeccomp(spec.seccomp, out->mutable_seccomp());
}

void FillEnv(const std::string& entry, pb::KeyValue* out) {
  size_t equals = entry.find('=');
  out->set_key(entry.substr(0, equals));
  out->set_value(entry.substr(equals + 1));
}

void FillDevice(const container::DeviceSpec& device, pb::Device* out) {
  out->set_container_path(device.container_path);
  out->set_host_path(device.host_path);
  out->set_permissions(device.permissions);
}

pb::Protocol ProtocolOf(const std::string& name) {
  if (name == "udp") return pb::UDP;
  return name == "sctp" ? pb::SCTP : pb::TCP;
}

void FillDns(const sandbox::DnsSpec& dns, pb::DNSConfig* out) {
  Append(dns.servers, out->mutable_servers());
  Append(dns.searches, out->mutable_searches());
  Append(dns.options, out->mutable_options());
}

}  // namespace

pb::PodSandboxConfig DescribeConfig(const sandbox::PodSpec& spec) {
  pb::PodSandboxConfig out;
  FillMetadata(spec, out.mutable_metadata());
  out.set_hostname(spec.hostname);
  out.set_log_directory(spec.log_directory);
  if (spec.dns) FillDns(*spec.dns, out.mutable_dns_config());
  for (const cni::PortMapping& mapping : spec.port_mappings) {
    pb::PortMapping* port = out.add_port_mappings();
    port->set_protocol(ProtocolOf(mapping.protocol));
    port->set_container_port(mapping.container_port);
    port->set_host_port(mapping.host_port);
    port->set_host_ip(mapping.host_ip);
  }
  out.mutable_labels()->insert(spec.labels.begin(), spec.labels.end());
  out.mutable_annotations()->insert(spec.annotations.begin(), spec.annotations.end());
  pb::LinuxPodSandboxConfig* linux_part = out.mutable_linux();
  linux_part->set_cgroup_parent(spec.cgroup_parent);
  linux_part->mutable_sysctls()->insert(spec.sysctls.begin(), spec.sysctls.end());
  pb::LinuxSandboxSecurityContext* security = linux_part->mutable_security_context();
  FillNamespaces(spec, security->mutable_namespace_options());
  security->set_privileged(spec.privileged);
  return out;
}

pb::ContainerConfig DescribeConfig(const ContainerSpec& spec) {
  pb::ContainerConfig out;
  FillMetadata(spec, out.mutable_metadata());
  out.mutable_image()->set_image(spec.image);
  out.mutable_image()->set_user_specified_image(spec.user_specified_image);
  out.mutable_image()->set_runtime_handler(spec.image_runtime_handler);
  Append(spec.command, out.mutable_command());
  Append(spec.args, out.mutable_args());
  out.set_working_dir(spec.working_dir);
  for (const std::string& entry : spec.env) FillEnv(entry, out.add_envs());
  for (const container::MountSpec& mount : spec.mounts) FillMount(mount, out.add_mounts());
  for (const container::DeviceSpec& device : spec.devices) FillDevice(device, out.add_devices());
  out.mutable_labels()->insert(spec.labels.begin(), spec.labels.end());
  out.mutable_annotations()->insert(spec.annotations.begin(), spec.annotations.end());
  out.set_log_path(spec.log_path);
  out.set_stdin(spec.stdin_open);
  out.set_stdin_once(spec.stdin_once);
  out.set_tty(spec.tty);
  if (!spec.stop_signal.empty())
    if (auto signal = container::StopSignal(spec, {}); signal.ok()) out.set_stop_signal(SignalFrom(*signal));
  FillLimits(spec.limits, spec.oom_score_adj, out.mutable_linux()->mutable_resources());
  FillSecurity(spec.security, out.mutable_linux()->mutable_security_context());
  return out;
}

}  // namespace cradle::cri
