#include "container/capabilities.h"

#include <linux/capability.h>

#include <algorithm>
#include <array>

namespace cradle::container {
namespace {

// By number.
constexpr std::array<std::string_view, 41> kNames = {
    "CHOWN",          "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER",       "FSETID",         "KILL",
    "SETGID",         "SETUID",       "SETPCAP",         "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST",
    "NET_ADMIN",      "NET_RAW",      "IPC_LOCK",        "IPC_OWNER",    "SYS_MODULE",     "SYS_RAWIO",
    "SYS_CHROOT",     "SYS_PTRACE",   "SYS_PACCT",       "SYS_ADMIN",    "SYS_BOOT",       "SYS_NICE",
    "SYS_RESOURCE",   "SYS_TIME",     "SYS_TTY_CONFIG",  "MKNOD",        "LEASE",          "AUDIT_WRITE",
    "AUDIT_CONTROL",  "SETFCAP",      "MAC_OVERRIDE",    "MAC_ADMIN",    "SYSLOG",         "WAKE_ALARM",
    "BLOCK_SUSPEND",  "AUDIT_READ",   "PERFMON",         "BPF",          "CHECKPOINT_RESTORE"};
static_assert(kNames.size() == CAP_LAST_CAP + 1 && kNames[CAP_SETFCAP] == "SETFCAP" && kNames[CAP_BPF] == "BPF");

constexpr uint64_t kAll = ~uint64_t{0};

constexpr uint64_t Bit(int capability) { return uint64_t{1} << capability; }

// The named ones together; ALL apart.
struct Listed {
  bool all = false;
  uint64_t mask = 0;
};

Result<Listed> ParseList(std::string_view field, const std::vector<std::string>& names) {
  Listed listed;
  for (const std::string& name : names) {
    const uint64_t mask = TRY(ParseCapability(field, name));
    if (mask == kAll) listed.all = true;
    else listed.mask |= mask;
  }
  return listed;
}

}  // namespace

const uint64_t kDefaultCapabilities =
    Bit(CAP_CHOWN) | Bit(CAP_DAC_OVERRIDE) | Bit(CAP_FSETID) | Bit(CAP_FOWNER) | Bit(CAP_MKNOD) | Bit(CAP_NET_RAW) |
    Bit(CAP_SETGID) | Bit(CAP_SETUID) | Bit(CAP_SETFCAP) | Bit(CAP_SETPCAP) | Bit(CAP_NET_BIND_SERVICE) |
    Bit(CAP_SYS_CHROOT) | Bit(CAP_KILL) | Bit(CAP_AUDIT_WRITE);

Result<uint64_t> ParseCapability(std::string_view field, std::string_view name) {
  std::string upper;
  for (const char c : name) upper += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  std::string_view bare = upper;
  if (bare == "ALL") return kAll;
  if (bare.starts_with("CAP_")) bare.remove_prefix(4);
  const auto found = std::find(kNames.begin(), kNames.end(), bare);
  if (found == kNames.end())
    return InvalidArgument(Cat(field, ": unknown capability \"", name.substr(0, 64), "\""));
  return Bit(static_cast<int>(found - kNames.begin()));
}

std::vector<std::string> CapabilityNames(uint64_t mask) {
  std::vector<std::string> names;
  for (size_t i = 0; i < kNames.size(); ++i)
    if ((mask >> i & 1) != 0) names.push_back(Cat("CAP_", kNames[i]));
  return names;
}

Result<Capabilities> BuildCapabilities(const SecuritySpec& security, uint64_t node_bounding) {
  const Listed add = TRY(ParseList("capabilities.add_capabilities", security.caps_add));
  const Listed drop = TRY(ParseList("capabilities.drop_capabilities", security.caps_drop));
  const Listed ambient = TRY(ParseList("capabilities.add_ambient_capabilities", security.caps_ambient));
  uint64_t wanted = add.all ? kAll : kDefaultCapabilities;
  if (drop.all) wanted = 0;
  wanted = (wanted | add.mask) & ~drop.mask;
  if (security.privileged) wanted = kAll;
  if ((ambient.mask & ~wanted) != 0)
    return InvalidArgument(
        "capabilities.add_ambient_capabilities: names a capability that the container isn't given");
  const uint64_t granted = wanted & node_bounding;
  return Capabilities{.granted = granted, .ambient = granted & (ambient.all ? kAll : ambient.mask)};
}

}  // namespace cradle::container
