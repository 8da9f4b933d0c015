#include "cgroups/v1_devices.h"

#include <fcntl.h>

#include "base/sys/file.h"
#include "cgroups/values.h"

namespace cradle::cgroups {

Result<> WriteDevices(const Tree& tree, const std::string& path,
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

Result<std::vector<V1DeviceWrite>> ReadDevices(const Tree& tree, const std::string& path) {
  // One rule per line, written just as devices.allow reads it.
  std::string list = TRY(tree.Read(path, "devices.list"));
  std::vector<V1DeviceWrite> writes = {{false, "a"}};
  for (std::string_view line : Split(list, '\n')) writes.push_back({true, std::string(line)});
  return writes;
}

}  // namespace cradle::cgroups
