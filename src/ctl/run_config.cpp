#include "ctl/run_config.h"

#include <algorithm>
#include <cstdlib>

#include "ctl/find.h"
#include "ctl/text.h"

namespace cradle::ctl {
namespace {

constexpr int64_t kPeriod = 100'000;  // us

Result<> AddVariable(const std::string& text, pb::ContainerConfig& config) {
  size_t equals = text.find('=');
  std::string key = text.substr(0, equals);
  const char* ours = equals == text.npos ? std::getenv(key.c_str()) : nullptr;
  if (equals == text.npos && ours == nullptr) {
    return InvalidArgument(
        Cat("--env ", text, ": there is no such variable here: write ", text, "=VALUE"));
  }
  pb::KeyValue* variable = config.add_envs();
  variable->set_key(key);
  variable->set_value(ours != nullptr ? std::string(ours) : text.substr(equals + 1));
  return {};
}

Result<> AddMount(const std::string& text, pb::ContainerConfig& config) {
  size_t first = text.find(':');
  size_t second = first == text.npos ? text.npos : text.find(':', first + 1);
  std::string mode = second == text.npos ? "rw" : text.substr(second + 1);
  if (first == text.npos || (mode != "ro" && mode != "rw")) {
    return InvalidArgument(Cat("--mount ", text, ": must be HOST:CONTAINER or HOST:CONTAINER:ro"));
  }
  pb::Mount* mount = config.add_mounts();
  mount->set_host_path(text.substr(0, first));
  mount->set_container_path(
      text.substr(first + 1, second == text.npos ? second : second - first - 1));
  mount->set_readonly(mode == "ro");
  return {};
}

Result<> SetUser(const std::string& text, pb::LinuxContainerSecurityContext& context) {
  if (text.empty()) return {};
  std::string user = text.substr(0, text.find(':'));
  auto is_number = [](const std::string& s) {
    return !s.empty() && s.size() < 11 && s.find_first_not_of("0123456789") == s.npos;
  };
  if (is_number(user)) {
    context.mutable_run_as_user()->set_value(std::stoll(user));
  } else {
    context.set_run_as_username(user);
  }
  if (user.size() == text.size()) return {};
  std::string group = text.substr(user.size() + 1);
  if (!is_number(group))
    return InvalidArgument(Cat("--user ", text, ": the group must be a number"));
  context.mutable_run_as_group()->set_value(std::stoll(group));
  return {};
}

void SetNamespaces(const RunOptions& options, pb::NamespaceOption& namespaces) {
  if (options.host_network) namespaces.set_network(pb::NODE);
  namespaces.set_pid(pb::CONTAINER);
}

// What the kubelet asks for, but where procMount says otherwise (pkg/securitycontext of Kubernetes). Without it a container
// has the kernel's own /proc, and no view of its limits in it.
void HideTheHosts(pb::LinuxContainerSecurityContext& context) {
  for (const char* path : {"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys",
                           "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
                           "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"})
    context.add_masked_paths(path);
  for (const char* path : {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"})
    context.add_readonly_paths(path);
}

// So that other tools of Kubernetes know the names too.
void SetLabels(const std::string& name, google::protobuf::Map<std::string, std::string>& labels) {
  labels[kMadeByLabel] = kMadeByUs;
  labels["io.kubernetes.pod.name"] = name;
  labels["io.kubernetes.pod.namespace"] = kNamespace;
}

}  // namespace

Result<> SetLimits(const std::string& memory, const std::string& cpus,
                   pb::LinuxContainerResources& resources) {
  if (!memory.empty()) {
    resources.set_memory_limit_in_bytes(TRY(ParseBytes(memory).With("--memory")));
  }
  if (cpus.empty()) return {};
  int64_t milli = TRY(ParseCpus(cpus).With("--cpus"));
  resources.set_cpu_period(kPeriod);
  resources.set_cpu_quota(std::max<int64_t>(milli * kPeriod / 1000, 1000));
  resources.set_cpu_shares(std::clamp<int64_t>(milli * 1024 / 1000, 2, 262'144));
  return {};
}

std::string NameFromImage(const std::string& image, const std::string& hex) {
  std::string name = image.substr(image.rfind('/') + 1);
  name = name.substr(0, name.find_first_of("@:"));
  std::erase_if(name, [](unsigned char c) { return !std::isalnum(c) && c != '-' && c != '.'; });
  return Cat(name.empty() ? "pod" : name.substr(0, 40), "-", hex.substr(0, 6));
}

pb::PodSandboxConfig PodConfigFrom(const RunOptions& options, const std::string& uid,
                                   const std::string& logs) {
  pb::PodSandboxConfig config;
  config.mutable_metadata()->set_name(options.name);
  config.mutable_metadata()->set_namespace_(kNamespace);
  config.mutable_metadata()->set_uid(uid.substr(0, 32));
  if (!options.host_network) config.set_hostname(options.name.substr(0, 64));
  config.set_log_directory(Cat(logs, "/", kNamespace, "_", options.name, "_", uid.substr(0, 32)));
  SetLabels(options.name, *config.mutable_labels());
  auto* security = config.mutable_linux()->mutable_security_context();
  SetNamespaces(options, *security->mutable_namespace_options());
  security->set_privileged(options.privileged);
  return config;
}

Result<pb::ContainerConfig> ContainerConfigFrom(const RunOptions& options) {
  pb::ContainerConfig config;
  config.mutable_metadata()->set_name(options.name);
  for (const auto& text : options.env) TRYV(AddVariable(text, config));
  for (const auto& text : options.mounts) TRYV(AddMount(text, config));
  // As with `docker run`: the words replace the image's CMD and are given to its ENTRYPOINT.
  for (const auto& word : options.command) config.add_args(word);
  config.set_working_dir(options.working_dir);
  config.set_log_path("0.log");
  SetLabels(options.name, *config.mutable_labels());
  TRYV(SetLimits(options.memory, options.cpus, *config.mutable_linux()->mutable_resources()));
  auto* security = config.mutable_linux()->mutable_security_context();
  TRYV(SetUser(options.user, *security));
  SetNamespaces(options, *security->mutable_namespace_options());
  security->set_privileged(options.privileged);
  if (!options.privileged) {
    security->mutable_seccomp()->set_profile_type(pb::SecurityProfile::RuntimeDefault);
    HideTheHosts(*security);
  }
  return config;
}

}  // namespace cradle::ctl
