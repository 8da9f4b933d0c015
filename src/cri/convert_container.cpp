#include "cri/convert_container.h"

#include <algorithm>

#include "cdi/spec.h"
#include "cri/check.h"
#include "cri/convert_users.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

using Strings = google::protobuf::RepeatedPtrField<std::string>;
constexpr int64_t kMinOomScore = -1000;
constexpr int64_t kMaxOomScore = 1000;

Result<std::vector<std::string>> ConvertArguments(std::string_view field, const Strings& values) {
  for (int i = 0; i < values.size(); ++i) TRYV(CheckNoNul(Indexed(field, i), values[i]));
  return std::vector<std::string>(values.begin(), values.end());
}

// Images are the same for every handler.
Result<> ConvertImage(const pb::ImageSpec& image, const sandbox::PodSpec& pod, container::ContainerSpec& spec) {
  if (image.image().empty()) return Bad("image.image", image.image(), "must not be empty");
  TRYV(CheckHandler("image.runtime_handler", image.runtime_handler(), {"", pod.handler}));
  spec.image = image.image();
  spec.image_runtime_handler = image.runtime_handler();
  spec.user_specified_image = image.user_specified_image();
  return {};
}

Result<> ConvertEnvironment(const pb::ContainerConfig& config, container::ContainerSpec& spec) {
  for (int i = 0; i < config.envs_size(); ++i) {
    const pb::KeyValue& variable = config.envs(i);
    std::string field = Indexed("envs", i);
    std::string key = field + ".key";
    if (variable.key().empty()) return Bad(key, variable.key(), "must not be empty");
    TRYV(CheckLine(key, variable.key()));
    if (variable.key().find('=') != std::string::npos) {
      return Bad(key, variable.key(), "must not contain '='");
    }
    TRYV(CheckNoNul(Cat(field, " (", variable.key(), ").value"), variable.value()));
    spec.env.push_back(Cat(variable.key(), "=", variable.value()));
  }
  return {};
}

Result<container::Propagation> ConvertPropagation(const std::string& field,
                                                  pb::MountPropagation propagation) {
  switch (propagation) {
    case pb::PROPAGATION_PRIVATE:
      return container::Propagation::kPrivate;
    case pb::PROPAGATION_HOST_TO_CONTAINER:
      return container::Propagation::kSlave;
    case pb::PROPAGATION_BIDIRECTIONAL:
      return container::Propagation::kShared;
    default:
      return Bad(field, static_cast<int64_t>(propagation), "no such propagation");
  }
}

Result<> CheckRecursiveReadOnly(const std::string& field, const pb::Mount& mount) {
  if (!mount.recursive_read_only()) return {};
  if (!mount.readonly()) return Bad(field + ".recursive_read_only", "true", "needs readonly");
  if (mount.propagation() != pb::PROPAGATION_PRIVATE) {
    return Bad(field + ".recursive_read_only", "true", "needs propagation PROPAGATION_PRIVATE");
  }
  return {};
}

// A directory of the host, or an image, which is never written to.
Result<> CheckSource(const std::string& field, const pb::Mount& mount) {
  const std::string& image = mount.image().image();
  if (image.empty()) {
    if (!mount.image_sub_path().empty())
      return Bad(field + ".image_sub_path", mount.image_sub_path(), "needs an image");
    return CheckAbsolutePath(field + ".host_path", mount.host_path());
  }
  TRYV(CheckLine(field + ".image.image", image));
  if (!mount.host_path().empty())
    return Bad(field + ".host_path", mount.host_path(), "excludes image, which is set too");
  if (!mount.readonly()) return Bad(field + ".readonly", "false", "an image is mounted read-only");
  if (mount.propagation() != pb::PROPAGATION_PRIVATE)
    return Bad(field + ".propagation", pb::MountPropagation_Name(mount.propagation()),
               "an image's must be PROPAGATION_PRIVATE");
  if (mount.image_sub_path().starts_with('/'))
    return Bad(field + ".image_sub_path", mount.image_sub_path(), "must be relative");
  return CheckAbsolutePath(field + ".image_sub_path", "/" + mount.image_sub_path());
}

Result<> ConvertMountOptions(const std::string& field, const Strings& options,
                             container::MountSpec& spec) {
  for (int i = 0; i < options.size(); ++i) {
    if (options[i] == "noexec")
      spec.noexec = true;
    else if (options[i] == "nodev")
      spec.nodev = true;
    else if (options[i] == "nosuid")
      spec.nosuid = true;
    else
      return Bad(Indexed(field, i), options[i], "must be noexec, nodev or nosuid");
  }
  return {};
}

// The kubelet names the pod's ids with every mount; one without them keeps the host's.
Result<bool> IsMapped(const std::string& field, const pb::Mount& mount, const Users& users) {
  if (mount.uidmappings_size() + mount.gidmappings_size() == 0) return false;
  if (!users) {
    return Bad(field + ".uidMappings", mount.container_path(),
               "id-mapped mounts need a pod with a user namespace");
  }
  TRYV(CheckSameRange(field + ".uidMappings", mount.uidmappings(), users->uids));
  TRYV(CheckSameRange(field + ".gidMappings", mount.gidmappings(), users->gids));
  return true;
}

Result<container::MountSpec> ConvertMount(const std::string& field, const pb::Mount& mount,
                                          const Users& users) {
  TRYV(CheckAbsolutePath(field + ".container_path", mount.container_path()));
  TRYV(CheckSource(field, mount));
  TRYV(CheckRecursiveReadOnly(field, mount));
  if (users && mount.propagation() == pb::PROPAGATION_BIDIRECTIONAL) {
    return Bad(field + ".propagation", "PROPAGATION_BIDIRECTIONAL",
               "can't be had with a user namespace: its mounts would reach the host");
  }
  container::MountSpec spec{
      .container_path = mount.container_path(),
      .host_path = mount.host_path(),
      .readonly = mount.readonly(),
      .recursive_readonly = mount.recursive_read_only(),
      .mapped = TRY(IsMapped(field, mount, users)),
      .selinux_relabel = mount.selinux_relabel(),
      .propagation = TRY(ConvertPropagation(field + ".propagation", mount.propagation())),
      .image = mount.image().image(),
      .image_sub_path = mount.image_sub_path(),
  };
  TRYV(ConvertMountOptions(field + ".mount_options", mount.mount_options(), spec));
  return spec;
}

Result<container::DeviceSpec> ConvertDevice(const std::string& field, const pb::Device& device) {
  TRYV(CheckAbsolutePath(field + ".container_path", device.container_path()));
  TRYV(CheckAbsolutePath(field + ".host_path", device.host_path()));
  const std::string& permissions = device.permissions();
  if (permissions.empty() || permissions.find_first_not_of("rwm") != std::string::npos) {
    return Bad(field + ".permissions", permissions, "must be one or more of r, w and m");
  }
  return container::DeviceSpec{device.container_path(), device.host_path(), permissions};
}

Result<> ConvertFiles(const pb::ContainerConfig& config, const Users& users,
                      container::ContainerSpec& spec) {
  for (int i = 0; i < config.mounts_size(); ++i) {
    spec.mounts.push_back(TRY(ConvertMount(Indexed("mounts", i), config.mounts(i), users)));
  }
  for (int i = 0; i < config.devices_size(); ++i) {
    spec.devices.push_back(TRY(ConvertDevice(Indexed("devices", i), config.devices(i))));
  }
  return {};
}

// The request's, then those that annotations name; each counts once.
Result<> ConvertCdiDevices(const pb::ContainerConfig& config, container::ContainerSpec& spec) {
  const auto add = [&](const std::string& field, std::vector<std::string> names) -> Result<> {
    for (std::string& name : names) {
      if (!cdi::DeviceName::Parse(name).ok()) return Bad(field, name, "must be vendor/class=name");
      if (std::find(spec.cdi_devices.begin(), spec.cdi_devices.end(), name) == spec.cdi_devices.end())
        spec.cdi_devices.push_back(std::move(name));
    }
    return {};
  };
  for (int i = 0; i < config.cdi_devices_size(); ++i)
    TRYV(add(Indexed("CDI_devices", i) + ".name", {config.cdi_devices(i).name()}));
  for (const auto& [key, value] : spec.annotations)
    TRYV(add(Cat("annotations[", Quoted(key), "]"), cdi::NamesIn(key, value)));
  return {};
}

Result<> ConvertLog(const std::string& path, container::ContainerSpec& spec) {
  if (path.empty()) return {};
  if (path.starts_with('/')) {
    return Bad("log_path", path, "must be relative to the pod's log_directory");
  }
  if (auto checked = CheckAbsolutePath("log_path", "/" + path); !checked.ok()) {
    return Bad("log_path", path, "must be shorter than 4096 bytes and must not contain \"..\"");
  }
  TRYV(CheckLine("log_path", path));
  spec.log_path = path;
  return {};
}

Result<> ConvertProcess(const pb::ContainerConfig& config, container::ContainerSpec& spec) {
  spec.command = TRY(ConvertArguments("command", config.command()));
  spec.args = TRY(ConvertArguments("args", config.args()));
  if (!config.working_dir().empty()) {
    TRYV(CheckAbsolutePath("working_dir", config.working_dir()));
    spec.working_dir = config.working_dir();
  }
  TRYV(ConvertEnvironment(config, spec));
  spec.stdin_open = config.stdin();
  spec.stdin_once = config.stdin_once();
  spec.tty = config.tty();
  if (!pb::Signal_IsValid(config.stop_signal())) {
    return Bad("stop_signal", static_cast<int64_t>(config.stop_signal()), "no such signal");
  }
  spec.stop_signal = SignalNameFrom(config.stop_signal());
  return {};
}

}  // namespace

Result<cgroups::Limits> LimitsFrom(const char* field,
                                   const pb::LinuxContainerResources& resources) {
  cgroups::Limits limits;
  limits.cpu_shares = resources.cpu_shares();
  limits.cpu_quota = resources.cpu_quota();
  limits.cpu_period = resources.cpu_period();
  limits.memory = resources.memory_limit_in_bytes();
  limits.memory_swap = resources.memory_swap_limit_in_bytes();
  limits.cpuset_cpus = resources.cpuset_cpus();
  limits.cpuset_mems = resources.cpuset_mems();
  for (const auto& page : resources.hugepage_limits()) {
    limits.hugepages.emplace_back(page.page_size(), page.limit());
  }
  limits.unified = {resources.unified().begin(), resources.unified().end()};
  TRYV(cgroups::CheckLimits(limits).With(field));
  return limits;
}

Result<container::ContainerSpec> ContainerSpecFrom(const pb::ContainerConfig& config,
                                                   const sandbox::PodSpec& pod) {
  container::ContainerSpec spec;
  TRYV(CheckName("metadata.name", config.metadata().name()));
  spec.name = config.metadata().name();
  spec.attempt = config.metadata().attempt();
  TRYV(ConvertImage(config.image(), pod, spec));
  TRYV(ConvertProcess(config, spec));
  TRYV(ConvertFiles(config, pod.users, spec));
  TRYV(ConvertLog(config.log_path(), spec));
  spec.labels = {config.labels().begin(), config.labels().end()};
  spec.annotations = {config.annotations().begin(), config.annotations().end()};
  TRYV(ConvertCdiDevices(config, spec));
  const pb::LinuxContainerResources& resources = config.linux().resources();
  spec.limits = TRY(LimitsFrom("linux.resources", resources));
  TRYV(CheckRange("linux.resources.oom_score_adj", resources.oom_score_adj(), kMinOomScore,
                  kMaxOomScore));
  spec.oom_score_adj = resources.oom_score_adj();
  spec.security = TRY(SecuritySpecFrom(config.linux().security_context(), pod));
  return spec;
}

}  // namespace cradle::cri
