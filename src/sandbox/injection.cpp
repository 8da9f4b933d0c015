#include "sandbox/injection.h"

#include <algorithm>

#include "base/log.h"
#include "cdi/folders.h"

namespace cradle::sandbox {
namespace {

using container::Propagation;

bool Contains(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

Result<> ApplyOption(const std::string& option, container::MountSpec& mount) {
  if (option == "ro") mount.readonly = true;
  else if (option == "rw") mount.readonly = false;
  else if (option == "nosuid") mount.nosuid = true;
  else if (option == "nodev") mount.nodev = true;
  else if (option == "noexec") mount.noexec = true;
  else if (option == "private" || option == "rprivate") mount.propagation = Propagation::kPrivate;
  else if (option == "slave" || option == "rslave") mount.propagation = Propagation::kSlave;
  else if (option == "shared" || option == "rshared") mount.propagation = Propagation::kShared;
  else if (option != "bind" && option != "rbind" && option != "suid" && option != "dev" && option != "exec")
    return FailedPrecondition(Cat("CDI mount of ", mount.host_path.substr(0, 256), ": option \"", option.substr(0, 64),
                                  "\" isn't available"));
  return {};
}

Result<> AddMount(const cdi::Mount& asked, container::ContainerSpec& spec) {
  container::MountSpec& mount = spec.mounts.emplace_back();
  mount.container_path = asked.container_path;
  mount.host_path = asked.host_path;
  for (const std::string& option : asked.options) TRYV(ApplyOption(option, mount));
  return {};
}

void AddDevice(const cdi::DeviceNode& node, container::ContainerSpec& spec) {
  // Two devices of a request may share a node: the later one says what it is.
  std::erase_if(spec.devices, [&](const container::DeviceSpec& one) { return one.container_path == node.path; });
  spec.devices.push_back({node.path, node.host_path, node.permissions, node.type, node.major, node.minor, node.mode,
                          node.uid, node.gid});
}

Result<> CheckHook(const cdi::Hook& hook, const CdiConfig& config) {
  if (Contains(config.hooks, hook.path)) return {};
  return FailedPrecondition(Cat("CDI hook ", hook.stage, " ", hook.path.substr(0, 256), ": not in [cdi] hooks"));
}

}  // namespace

Result<> InjectDevices(const CdiConfig& config, container::ContainerRecord& record) {
  container::ContainerSpec& spec = record.spec;
  if (spec.cdi_devices.empty()) return {};
  cdi::Edits edits = TRY(cdi::FindDevices(config.spec_dirs, spec.cdi_devices));
  for (const cdi::Hook& hook : edits.hooks) TRYV(CheckHook(hook, config));
  if (edits.intel_rdt) log::Info(Cat("container ", spec.name, ": intelRdt of its CDI devices is left out"));
  record.asked = spec.Fingerprint();
  record.hooks = std::move(edits.hooks);
  spec.env.insert(spec.env.end(), edits.env.begin(), edits.env.end());
  for (const cdi::DeviceNode& node : edits.devices) AddDevice(node, spec);
  for (const cdi::Mount& mount : edits.mounts) TRYV(AddMount(mount, spec));
  for (uint32_t gid : edits.additional_gids) {
    auto& groups = spec.security.supplemental_groups;
    if (std::find(groups.begin(), groups.end(), gid) == groups.end()) groups.push_back(gid);
  }
  return {};
}

std::string AskedFingerprint(const container::ContainerRecord& record) {
  return record.asked.empty() ? record.spec.Fingerprint() : record.asked;
}

std::vector<cdi::Hook> HooksOf(const container::ContainerRecord& record, std::initializer_list<const char*> stages) {
  std::vector<cdi::Hook> found;
  for (const char* stage : stages)
    std::copy_if(record.hooks.begin(), record.hooks.end(), std::back_inserter(found),
                 [&](const cdi::Hook& hook) { return hook.stage == stage; });
  return found;
}

}  // namespace cradle::sandbox
