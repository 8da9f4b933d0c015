// What of the host's /dev a container sees, and what its cgroup lets it open.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>

#include "base/sys/file.h"
#include "container/build_mounts.h"
#include "container/devices.h"

namespace cradle::container {
namespace {

constexpr int kMaxDepth = 16;
constexpr size_t kMaxDevices = 8192;
constexpr size_t kMaxEntries = 30'000;  // that are looked at for them: "/" would take minutes

// No device can be made there: they are the kernel's own file systems, or directories.
constexpr std::array<std::string_view, 4> kNoPlaces = {"/proc", "/sys", "/dev/pts", "/dev/mqueue"};

// In the host's /dev, but not the host's to give: each container has its own, or none.
constexpr std::array<std::string_view, 7> kSkippedDirs = {"pts",  "shm",         "fd",   "mqueue",
                                                          ".lxc", ".lxd-mounts", ".udev"};
constexpr std::array<std::string_view, 8> kMadeByInit = {"null",    "zero", "full", "random",
                                                         "urandom", "tty",  "ptmx", "console"};

bool IsDevice(mode_t mode) { return S_ISCHR(mode) || S_ISBLK(mode); }

template <size_t N>
bool Contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

DevicePlan FromStat(const struct stat& status, std::string path) {
  return {.path = std::move(path), .block = S_ISBLK(status.st_mode), .major = major(status.st_rdev),
          .minor = minor(status.st_rdev), .mode = status.st_mode & 07777, .uid = status.st_uid, .gid = status.st_gid};
}

Result<> CheckPlace(const std::string& path) {
  bool no_place = path == "/dev" || std::any_of(kNoPlaces.begin(), kNoPlaces.end(), [&](std::string_view place) {
    return path.starts_with(place) && (path.size() == place.size() || path[place.size()] == '/');
  });
  if (!no_place) return {};
  return InvalidArgument(Cat("devices.container_path \"", path.substr(0, 256), "\": no device can be made there"));
}

// With what the specification says itself.
DevicePlan Overridden(const DeviceSpec& spec, DevicePlan device) {
  if (!spec.type.empty()) device.block = spec.type == "b";
  if (spec.major > 0) {
    device.major = static_cast<uint32_t>(spec.major);
    device.minor = static_cast<uint32_t>(spec.minor);
  }
  device.mode = spec.mode.value_or(device.mode);
  device.uid = spec.uid.value_or(device.uid);
  device.gid = spec.gid.value_or(device.gid);
  return device;
}

// Adds every device in and below the directory, links not followed. What goes away meanwhile is left out.
Result<> WalkDevices(FdRef dir, const std::string& path, int depth, size_t& looked, std::vector<DevicePlan>& out) {
  std::vector<std::string> names = TRY(sys::ListDir(dir));
  std::sort(names.begin(), names.end());
  looked += names.size();
  if (looked > kMaxEntries)
    return InvalidArgument(Cat(path, ": more than ", std::to_string(kMaxEntries), " files and directories"));
  for (const std::string& name : names) {
    const auto status = sys::FstatAt(dir, name, AT_SYMLINK_NOFOLLOW);
    if (!status.ok()) continue;
    if (IsDevice(status->st_mode)) out.push_back(FromStat(*status, Cat(path, "/", name)));
    if (out.size() > kMaxDevices) return InvalidArgument(Cat(path, ": too many devices"));
    if (!S_ISDIR(status->st_mode) || Contains(kSkippedDirs, name) || depth == kMaxDepth) continue;
    const auto below = sys::OpenAt(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (below.ok()) TRYV(WalkDevices(*below, Cat(path, "/", name), depth + 1, looked, out));
  }
  return {};
}

Result<std::vector<DevicePlan>> ResolveDevice(const DeviceSpec& spec) {
  const std::string what = Cat("devices.host_path ", spec.host_path.substr(0, 256));
  const bool good_access = !spec.permissions.empty() && spec.permissions.size() <= 3 &&
                           spec.permissions.find_first_not_of("rwm") == std::string::npos;
  if (!good_access) return InvalidArgument(Cat("devices.permissions \"", spec.permissions.substr(0, 16), "\" of ",
                                               spec.host_path.substr(0, 256), " are not of \"rwm\""));
  if (!spec.host_path.starts_with('/')) return InvalidArgument(Cat(what, " is no absolute path"));
  const std::string target = CleanPath(spec.container_path.empty() ? spec.host_path : spec.container_path);
  if (!target.starts_with('/') || target == "/")
    return InvalidArgument(Cat("devices.container_path \"", target.substr(0, 256), "\" is no absolute path"));
  if (!spec.type.empty() && spec.major > 0) return std::vector{Overridden(spec, {.path = target, .mode = 0666})};
  const auto status = TRY(sys::FstatAt(kCwd, spec.host_path, 0).With(what));
  if (IsDevice(status.st_mode)) {
    if (!spec.type.empty() && (spec.type == "b") != S_ISBLK(status.st_mode))
      return InvalidArgument(Cat(what, " is no device of type ", spec.type));
    return std::vector{Overridden(spec, FromStat(status, target))};
  }
  if (!S_ISDIR(status.st_mode)) return InvalidArgument(Cat(what, " is neither a device nor a directory"));
  std::vector<DevicePlan> devices;
  size_t looked = 0;
  const UniqueFd dir = TRY(sys::OpenAt(kCwd, spec.host_path, O_RDONLY | O_DIRECTORY).With(what));
  TRYV(WalkDevices(dir, target, 0, looked, devices).With(what));
  return devices;
}

cgroups::DeviceRule Allow(char type, int64_t major_number, int64_t minor_number, const std::string& access) {
  return {.allow = true, .type = type, .major = major_number, .minor = minor_number, .access = access};
}

}  // namespace

Result<std::vector<DevicePlan>> ResolveDevices(const std::vector<DeviceSpec>& devices) {
  std::vector<DevicePlan> out;
  for (const DeviceSpec& spec : devices)
    for (DevicePlan& device : TRY(ResolveDevice(spec))) {
      TRYV(CheckPlace(device.path));
      out.push_back(std::move(device));
    }
  return out;
}

std::vector<cgroups::DeviceRule> BuildDeviceRules(const ContainerSpec& spec) {
  if (spec.security.privileged) return {Allow('a', -1, -1, "rwm")};
  std::vector<cgroups::DeviceRule> rules = {
      {.allow = false, .type = 'a', .major = -1, .minor = -1, .access = "rwm"},
      // Making a node is harmless while opening it is refused.
      Allow('c', -1, -1, "m"), Allow('b', -1, -1, "m"),
      Allow('c', 1, 3, "rwm"),    // null
      Allow('c', 1, 5, "rwm"),    // zero
      Allow('c', 1, 7, "rwm"),    // full
      Allow('c', 1, 8, "rwm"),    // random
      Allow('c', 1, 9, "rwm"),    // urandom
      Allow('c', 5, 0, "rwm"),    // tty
      Allow('c', 5, 1, "rwm"),    // console
      Allow('c', 5, 2, "rwm"),    // ptmx
      Allow('c', 136, -1, "rwm")  // pts
  };
  for (const DeviceSpec& device : spec.devices) {
    const auto found = ResolveDevice(device);
    if (!found.ok()) continue;  // BuildLaunchPlan tells
    for (const DevicePlan& plan : *found)
      rules.push_back(Allow(plan.block ? 'b' : 'c', plan.major, plan.minor, device.permissions));
  }
  return rules;
}

Result<std::vector<DevicePlan>> HostDevices(const std::string& dev) {
  const UniqueFd dir = TRY(sys::OpenAt(kCwd, dev, O_RDONLY | O_DIRECTORY));
  std::vector<DevicePlan> devices;
  size_t looked = 0;
  TRYV(WalkDevices(dir, "/dev", 0, looked, devices));
  std::erase_if(devices, [](const DevicePlan& device) {
    return Contains(kMadeByInit, std::string_view(device.path).substr(sizeof "/dev/" - 1));
  });
  return devices;
}

}  // namespace cradle::container
