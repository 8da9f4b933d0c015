#include "container/limits_json.h"
#include "container/spec.h"

namespace cradle::json {

static constexpr std::array<std::string_view, 4> Names(EnumTag, container::PidMode) {
  return {"container", "pod", "node", "target"};
}
static constexpr std::array<std::string_view, 3> Names(EnumTag, container::Propagation) {
  return {"private", "slave", "shared"};
}
static constexpr std::array<std::string_view, 3> Names(EnumTag, container::SeccompSpec::Type) {
  return {"unconfined", "runtime_default", "localhost"};
}
static constexpr std::array<std::string_view, 3> Names(EnumTag, container::AppArmorSpec::Type) {
  return {"runtime_default", "unconfined", "localhost"};
}

static void Fields(auto& io, Is<container::MountSpec> auto& mount) {
  io("container_path", mount.container_path);
  io("host_path", mount.host_path);
  io("readonly", mount.readonly);
  io("recursive_readonly", mount.recursive_readonly);
  io("mapped", mount.mapped);
  io("selinux_relabel", mount.selinux_relabel);
  io("propagation", mount.propagation);
  io("noexec", mount.noexec);
  io("nodev", mount.nodev);
  io("nosuid", mount.nosuid);
  io("image", mount.image);
  io("image_sub_path", mount.image_sub_path);
}

static void Fields(auto& io, Is<container::DeviceSpec> auto& device) {
  io("container_path", device.container_path);
  io("host_path", device.host_path);
  io("permissions", device.permissions);
  io("type", device.type);
  io("major", device.major);
  io("minor", device.minor);
  io("mode", device.mode);
  io("uid", device.uid);
  io("gid", device.gid);
}

static void Fields(auto& io, Is<container::SeccompSpec> auto& seccomp) {
  io("type", seccomp.type);
  io("localhost_path", seccomp.localhost_path);
}

static void Fields(auto& io, Is<container::AppArmorSpec> auto& apparmor) {
  io("type", apparmor.type);
  io("profile", apparmor.profile);
}

static void Fields(auto& io, Is<container::SelinuxOptions> auto& selinux) {
  io("user", selinux.user);
  io("role", selinux.role);
  io("type", selinux.type);
  io("level", selinux.level);
}

static void Fields(auto& io, Is<container::SecuritySpec> auto& security) {
  io("privileged", security.privileged);
  io("run_as_user", security.run_as_user);
  io("run_as_group", security.run_as_group);
  io("run_as_username", security.run_as_username);
  io("supplemental_groups", security.supplemental_groups);
  io("strict_groups", security.strict_groups);
  io("readonly_rootfs", security.readonly_rootfs);
  io("no_new_privs", security.no_new_privs);
  io("caps_add", security.caps_add);
  io("caps_drop", security.caps_drop);
  io("caps_ambient", security.caps_ambient);
  io("masked_paths", security.masked_paths);
  io("readonly_paths", security.readonly_paths);
  io("seccomp", security.seccomp);
  io("apparmor", security.apparmor);
  io("selinux", security.selinux);
  io("pid_mode", security.pid_mode);
  io("pid_target", security.pid_target);
  io("host_network", security.host_network);
  io("host_ipc", security.host_ipc);
}

static void Fields(auto& io, Is<container::ContainerSpec> auto& spec) {
  io("name", spec.name);
  io("attempt", spec.attempt);
  io("image", spec.image);
  io("user_specified_image", spec.user_specified_image);
  io("image_runtime_handler", spec.image_runtime_handler);
  io("command", spec.command);
  io("args", spec.args);
  io("working_dir", spec.working_dir);
  io("env", spec.env);
  io("mounts", spec.mounts);
  io("devices", spec.devices);
  io("cdi_devices", spec.cdi_devices);
  io("labels", spec.labels);
  io("annotations", spec.annotations);
  io("log_path", spec.log_path);
  io("stdin_open", spec.stdin_open);
  io("stdin_once", spec.stdin_once);
  io("tty", spec.tty);
  io("security", spec.security);
  io("limits", spec.limits);
  io("oom_score_adj", spec.oom_score_adj);
  io("stop_signal", spec.stop_signal);
}

static void Fields(auto& io, Is<image::ImageConfig> auto& config) {
  io("entrypoint", config.entrypoint);
  io("cmd", config.cmd);
  io("env", config.env);
  io("working_dir", config.working_dir);
  io("user", config.user);
  io("stop_signal", config.stop_signal);
  io("volumes", config.volumes);
  io("labels", config.labels);
}

static void Fields(auto& io, Is<container::ImagePart> auto& image) {
  io("id", image.id);
  io("ref", image.ref);
  io("config", image.config);
  io("layer_dirs", image.layer_dirs);
}

static void Fields(auto& io, Is<container::VolumeImage> auto& volume) {
  io("image", volume.image);
  io("id", volume.id);
  io("layer_dirs", volume.layer_dirs);
}

static void Fields(auto& io, Is<cdi::Hook> auto& hook) {
  io("stage", hook.stage);
  io("path", hook.path);
  io("args", hook.args);
  io("env", hook.env);
  io("timeout_seconds", hook.timeout_seconds);
}

static void Fields(auto& io, Is<container::ContainerRecord> auto& record) {
  io("id", record.id);
  io("pod", record.pod);
  io("spec", record.spec);
  io("asked", record.asked);
  io("hooks", record.hooks);
  io("image", record.image);
  io("volume_images", record.volume_images);
  io("cgroup", record.cgroup);
  io("log_path", record.log_path);
  io("created_at", record.created_at);
  io("boot_id", record.boot_id);
}

static void Fields(auto& io, Is<container::ExitRecord> auto& exit) {
  io("exit_code", exit.exit_code);
  io("signal", exit.signal);
  io("oom_killed", exit.oom_killed);
  io("start_failed", exit.start_failed);
  io("started_at", exit.started_at);
  io("finished_at", exit.finished_at);
  io("message", exit.message);
  io("reason", exit.reason);
}

}  // namespace cradle::json

namespace cradle::container {

std::string ContainerSpec::Fingerprint() const { return json::Format(*this); }

std::string ContainerRecord::ToJson() const { return json::Format(*this); }

Result<ContainerRecord> ContainerRecord::FromJson(std::string_view text) {
  ContainerRecord record = TRY(json::Parse<ContainerRecord>(text, "container record"));
  if (record.id.empty() || record.pod.empty()) return Internal("container record: no id, or no pod's id");
  return record;
}

std::string LimitsToJson(const cgroups::Limits& limits) { return json::Format(limits); }

Result<cgroups::Limits> LimitsFromJson(std::string_view text) {
  return json::Parse<cgroups::Limits>(text, "limits");
}

std::string ExitRecord::ToJson() const { return json::Format(*this); }

Result<ExitRecord> ExitRecord::FromJson(std::string_view text) { return json::Parse<ExitRecord>(text, "exit record"); }

}  // namespace cradle::container
