#include "sandbox/spec.h"

#include "container/limits_json.h"

namespace cradle::json {

static constexpr std::array<std::string_view, 4> Names(EnumTag, container::PidMode) {
  return {"container", "pod", "node", "target"};
}

static void Fields(auto& io, Is<sandbox::DnsSpec> auto& dns) {
  io("servers", dns.servers);
  io("searches", dns.searches);
  io("options", dns.options);
}

static void Fields(auto& io, Is<cni::PortMapping> auto& mapping) {
  io("protocol", mapping.protocol);
  io("container_port", mapping.container_port);
  io("host_port", mapping.host_port);
  io("host_ip", mapping.host_ip);
}

static void Fields(auto& io, Is<sandbox::PodResources> auto& resources) {
  io("overhead", resources.overhead);
  io("containers", resources.containers);
}

static void Fields(auto& io, Is<container::IdRange> auto& range) {
  io("host", range.host);
  io("length", range.length);
}

static void Fields(auto& io, Is<container::UserNamespace> auto& users) {
  io("uids", users.uids);
  io("gids", users.gids);
}

static void Fields(auto& io, Is<container::SelinuxOptions> auto& selinux) {
  io("user", selinux.user);
  io("role", selinux.role);
  io("type", selinux.type);
  io("level", selinux.level);
}

static void Fields(auto& io, Is<sandbox::PodSpec> auto& spec) {
  io("name", spec.name);
  io("uid", spec.uid);
  io("namespace", spec.name_space);
  io("attempt", spec.attempt);
  io("handler", spec.handler);
  io("hostname", spec.hostname);
  io("log_directory", spec.log_directory);
  io("dns", spec.dns);
  io("port_mappings", spec.port_mappings);
  io("labels", spec.labels);
  io("annotations", spec.annotations);
  io("cgroup_parent", spec.cgroup_parent);
  io("sysctls", spec.sysctls);
  io("host_network", spec.host_network);
  io("host_ipc", spec.host_ipc);
  io("pid_mode", spec.pid_mode);
  io("users", spec.users);
  io("privileged", spec.privileged);
  io("selinux", spec.selinux);
  io("resources", spec.resources);
}

static void Fields(auto& io, Is<sandbox::PodRecord> auto& record) {
  io("id", record.id);
  io("spec", record.spec);
  io("cgroup_parent", record.cgroup_parent);
  io("own_parent", record.own_parent);
  io("created_at", record.created_at);
  io("boot_id", record.boot_id);
  io("selinux_level", record.selinux_level);
}

}  // namespace cradle::json

namespace cradle::sandbox {

std::string PodResources::ToJson() const { return json::Format(*this); }

Result<PodResources> PodResources::FromJson(std::string_view text) {
  return json::Parse<PodResources>(text, "pod resources");
}

std::string PodSpec::Key() const { return Cat(name_space, "/", name, "/", uid, "/", std::to_string(attempt)); }

std::string PodSpec::ToJson() const { return json::Format(*this); }

Result<PodSpec> PodSpec::FromJson(std::string_view text) { return json::Parse<PodSpec>(text, "pod spec"); }

std::string PodRecord::ToJson() const { return json::Format(*this); }

Result<PodRecord> PodRecord::FromJson(std::string_view text) {
  PodRecord record = TRY(json::Parse<PodRecord>(text, "pod record"));
  if (record.id.empty()) return Internal("pod record: no id");
  return record;
}

}  // namespace cradle::sandbox
