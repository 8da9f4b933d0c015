#include "sandbox/views.h"

#include <sys/mount.h>

#include <charconv>

#include "base/sys/file.h"
#include "base/sys/mount.h"

namespace cradle::sandbox {
namespace {

constexpr size_t kMaxProcs = 1 << 20;
constexpr size_t kMaxMounts = 8 << 20;

// Calls `take` with each line until it returns true.
template <class Take>
bool AnyLine(std::string_view text, Take take) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    if (take(line)) return true;
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return false;
}

Result<> Abort(uint64_t connection) {
  UniqueFd control = TRY(sys::FsMount("fusectl", {}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  return sys::WriteControl(control, Cat(std::to_string(connection), "/abort"), "1");
}

}  // namespace

container::Views ViewsOf(const std::map<std::string, Handler>& handlers, const PodSpec& spec) {
  auto named = handlers.find(spec.handler);
  container::Views configured = (named == handlers.end() ? handlers.at("") : named->second).views;
  auto asked = spec.annotations.find(kViewsAnnotation);
  if (configured == container::Views::kOff || asked == spec.annotations.end()) return configured;
  return asked->second == kViewsOn ? container::Views::kAsked : container::Views::kOff;
}

// "36 35 0:47 /meminfo /proc/meminfo ro,... - fuse.cradle cradle:<id> ro,..."
std::optional<uint64_t> FindViews(std::string_view mountinfo, const ContainerId& container) {
  const std::string mark = Cat(" - fuse.cradle cradle:", container.str(), " ");
  std::optional<uint64_t> found;
  AnyLine(mountinfo, [&](std::string_view line) {
    if (line.find(mark) == line.npos) return false;
    size_t at = line.find(" 0:");
    uint64_t minor = 0;
    if (at == line.npos) return false;
    auto parsed = std::from_chars(line.data() + at + 3, line.data() + line.size(), minor);
    if (parsed.ec == std::errc()) found = minor;
    return found.has_value();
  });
  return found;
}

Result<> AbortViews(const cgroups::Placement& group, const ContainerId& container) {
  std::vector<std::string> dirs = {group.v2_dir};
  if (!group.join_dirs.empty()) dirs.push_back(group.join_dirs.front());
  std::optional<uint64_t> connection;
  for (const std::string& dir : dirs) {
    auto procs = sys::ReadFile(kCwd, Cat(dir, "/cgroup.procs"), kMaxProcs);
    if (!procs.ok()) continue;
    // The first that still has its mounts tells: one that is all but dead has none.
    AnyLine(*procs, [&](std::string_view pid) {
      auto mounts = sys::ReadFile(kCwd, Cat("/proc/", pid, "/mountinfo"), kMaxMounts);
      if (mounts.ok()) connection = FindViews(*mounts, container);
      return connection.has_value();
    });
    if (connection) return Abort(*connection).With("abort the proc views");
  }
  return {};
}

}  // namespace cradle::sandbox
