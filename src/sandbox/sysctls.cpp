#include "sandbox/sysctls.h"

#include <algorithm>

namespace cradle::sandbox {
namespace {

constexpr size_t kMaxName = 253;    // the kubelet's limit
constexpr size_t kMaxValue = 4095;  // the kernel takes at most a page

bool IsWordEnd(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool IsWordPart(char c) { return IsWordEnd(c) || c == '-' || c == '_'; }

// Parts of letters, digits, '-' and '_' with a letter or digit at both ends: no "..", no empty part.
bool IsWellFormed(std::string_view name) {
  if (name.empty() || name.size() > kMaxName) return false;
  while (true) {
    const size_t end = std::min(name.find_first_of("./"), name.size());
    const std::string_view part = name.substr(0, end);
    if (part.empty() || !IsWordEnd(part.front()) || !IsWordEnd(part.back())) return false;
    if (!std::all_of(part.begin(), part.end(), IsWordPart)) return false;
    if (end == name.size()) return true;
    name.remove_prefix(end + 1);
  }
}

bool IsPrintable(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](unsigned char c) { return (c >= ' ' && c != 0x7f) || c == '\t'; });
}

Result<> CheckSysctl(const std::string& name, const std::string& value, bool host_network, bool host_ipc) {
  const std::string quoted = Cat("sysctl \"", name.substr(0, kMaxName), "\"");
  if (!IsWellFormed(name)) return InvalidArgument(Cat(quoted, ": malformed name"));
  std::string dotted = name;
  std::replace(dotted.begin(), dotted.end(), '/', '.');
  const bool network = dotted.starts_with("net.");
  const bool ipc = dotted == "kernel.sem" || dotted.starts_with("kernel.shm") || dotted.starts_with("kernel.msg") ||
                   dotted.starts_with("fs.mqueue.");
  if (!network && !ipc) return InvalidArgument(Cat(quoted, " is not namespaced: it would change the whole node"));
  if (network && host_network) return InvalidArgument(Cat(quoted, " can't be set: the pod uses the host's network"));
  if (ipc && host_ipc) return InvalidArgument(Cat(quoted, " can't be set: the pod uses the host's IPC namespace"));
  if (value.size() > kMaxValue)
    return InvalidArgument(Cat(quoted, ": a value of ", std::to_string(value.size()), " bytes is too long"));
  if (!IsPrintable(value)) return InvalidArgument(Cat(quoted, ": the value has control characters"));
  return {};
}

}  // namespace

Result<> CheckSysctls(const StringMap& sysctls, bool host_network, bool host_ipc) {
  for (const auto& [name, value] : sysctls) TRYV(CheckSysctl(name, value, host_network, host_ipc));
  return {};
}

}  // namespace cradle::sandbox
