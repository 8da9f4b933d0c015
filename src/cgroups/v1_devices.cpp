#include "cgroups/v1_devices.h"

#include <fcntl.h>

#include "base/sys/file.h"
#include "cgroups/v1_limits.h"
#include "cgroups/values.h"

namespace cradle::cgroups {
namespace {

Result<> WriteRules(const Tree& tree, const std::string& path,
                    const std::vector<V1DeviceWrite>& writes) {
  UniqueFd group = TRY(tree.OpenGroup(path));
  UniqueFd allow = TRY(sys::OpenAt(group, "devices.allow", O_WRONLY));
  UniqueFd deny = TRY(sys::OpenAt(group, "devices.deny", O_WRONLY));
  for (const V1DeviceWrite& write : writes) {
    auto done = sys::WriteAll(write.allow ? allow : deny, write.text.data(), write.text.size());
    if (!done.ok())
      return std::move(done.error())
          .As(Code::kFailedPrecondition)
          .With(Cat("devices: ", write.allow ? "allow " : "deny ", write.text));
  }
  return {};
}

}  // namespace

Result<> ApplyDevices(const Tree& tree, const std::string& path,
                      const std::vector<DeviceRule>& rules) {
  return WriteRules(tree, path, PlanV1Devices(rules));
}

Result<> ReplaceDevices(const Tree& tree, const std::string& path,
                        const std::vector<DeviceRule>& rules) {
  // devices.list has one rule per line, written just as devices.allow reads it.
  std::string before = TRY(tree.Read(path, "devices.list"));
  auto done = ApplyDevices(tree, path, rules);
  if (done.ok()) return {};
  std::vector<V1DeviceWrite> writes = {{false, "a"}};
  for (std::string_view line : Split(before, '\n')) writes.push_back({true, std::string(line)});
  (void)WriteRules(tree, path, writes).ok();
  return done;
}

}  // namespace cradle::cgroups
