#include "shim/launch_cgroups.h"

#include <algorithm>

#include "base/sys/file.h"

namespace cradle::shim {
namespace {

constexpr std::string_view kRoot = "/sys/fs/cgroup";
constexpr size_t kMaxMountinfo = 64 << 20;

std::string_view Word(std::string_view& rest, char separator) {
  size_t end = std::min(rest.find(separator), rest.size());
  std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

// Options of a cgroup mount that don't say which hierarchy it is (cgroups(7)).
bool SelectsNothing(std::string_view option) {
  for (std::string_view other : {"rw", "ro", "xattr", "clone_children", "noprefix",
                                 "cpuset_v2_mode", "none", "favordynmods"})
    if (option == other) return true;
  return option.starts_with("release_agent=");
}

std::string Selection(std::string_view options) {
  std::string out;
  while (!options.empty()) {
    std::string_view option = Word(options, ',');
    if (!SelectsNothing(option)) out += Cat(out.empty() ? "" : ",", option);
  }
  return out;
}

// Controllers mounted together ("cpu,cpuacct") are also found by each one's own name.
std::vector<std::string> LinksOf(const std::string& name) {
  std::vector<std::string> links;
  if (name.find(',') == std::string::npos) return links;
  for (std::string_view rest = name; !rest.empty();) links.emplace_back(Word(rest, ','));
  return links;
}

struct Line {
  std::string_view device, mount_point, type, options;
};
// "36 35 98:0 /root /mount/point options [optional...] - type source super,options"
Line ParseLine(std::string_view line) {
  Line out;
  Word(line, ' ');
  Word(line, ' ');
  out.device = Word(line, ' ');
  Word(line, ' ');
  out.mount_point = Word(line, ' ');
  while (!line.empty() && Word(line, ' ') != "-") {
  }
  out.type = Word(line, ' ');
  Word(line, ' ');
  out.options = line;
  return out;
}

bool IsDirectlyBelowRoot(std::string_view path) {
  return path.size() > kRoot.size() + 1 && path.starts_with(kRoot) && path[kRoot.size()] == '/' &&
         path.find('/', kRoot.size() + 1) == std::string_view::npos;
}

}  // namespace

std::vector<CgroupHierarchy> ParseHierarchies(std::string_view mountinfo) {
  std::vector<CgroupHierarchy> out;
  std::vector<std::string_view> seen;
  while (!mountinfo.empty()) {
    Line line = ParseLine(Word(mountinfo, '\n'));
    bool v2 = line.type == "cgroup2";
    if (!v2 && line.type != "cgroup") continue;
    bool whole = v2 && line.mount_point == kRoot;
    if (!whole && !IsDirectlyBelowRoot(line.mount_point)) continue;
    if (std::find(seen.begin(), seen.end(), line.device) != seen.end()) continue;
    seen.push_back(line.device);
    CgroupHierarchy hierarchy;
    hierarchy.v2 = v2;
    hierarchy.whole = whole;
    if (!whole) hierarchy.name = line.mount_point.substr(kRoot.size() + 1);
    if (!v2) hierarchy.options = Selection(line.options);
    if (!v2) hierarchy.links = LinksOf(hierarchy.name);
    out.push_back(std::move(hierarchy));
  }
  return out;
}

Result<const std::vector<CgroupHierarchy>*> HostHierarchies() {
  static std::vector<CgroupHierarchy> hierarchies;
  if (hierarchies.empty())
    hierarchies = ParseHierarchies(TRY(sys::ReadFile(kCwd, "/proc/self/mountinfo", kMaxMountinfo)));
  return &hierarchies;
}

}  // namespace cradle::shim
