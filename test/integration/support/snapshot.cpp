#include "support/snapshot.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <sstream>

#include "support/machine.h"

namespace cradle::test {
namespace {

namespace fs = std::filesystem;

constexpr char kGroups[] = "/sys/fs/cgroup";

std::multiset<std::string> Fds(pid_t pid) {
  static const std::regex kInode("\\[[0-9]+\\]");
  static const std::regex kPid("/proc/[0-9]+");
  std::multiset<std::string> found;
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", gone)) {
    std::string target = fs::read_symlink(entry.path(), gone);
    if (gone) continue;
    target = std::regex_replace(std::regex_replace(target, kInode, ""), kPid, "/proc/N");
    found.insert(target);
  }
  return found;
}

std::multiset<std::string> Mounts() {
  std::multiset<std::string> found;
  for (const std::string& line : Lines(ReadText("/proc/self/mountinfo"))) {
    std::istringstream words(line);
    std::string skipped, point;
    words >> skipped >> skipped >> skipped >> skipped >> point;
    found.insert(point);
  }
  return found;
}

// Groups that hold the name of a pod or container this daemon has had. Parents such as /cradle/shims are shared with
// other daemons and stay.
std::set<std::string> Groups(const std::set<std::string>& ids) {
  std::set<std::string> found;
  std::error_code gone;
  auto options = fs::directory_options::skip_permission_denied;
  for (const auto& hierarchy : fs::directory_iterator(kGroups))
    for (auto it = fs::recursive_directory_iterator(hierarchy.path(), options, gone);
         it != fs::recursive_directory_iterator(); it.increment(gone)) {
      if (!it->is_directory(gone)) continue;
      std::string name = it->path().filename();
      bool ours = std::any_of(ids.begin(), ids.end(),
                              [&](const std::string& id) { return name.find(id) != std::string::npos; });
      if (ours) found.insert(it->path());
    }
  return found;
}

std::set<std::string> Files(const Daemon& daemon) {
  std::set<std::string> found;
  std::error_code gone;
  for (const std::string& top : {daemon.root(), daemon.state()})
    for (auto it = fs::recursive_directory_iterator(top, gone); it != fs::recursive_directory_iterator();
         it.increment(gone)) {
      if (it->path() == daemon.root() + "/images") it.disable_recursion_pending();
      found.insert(it->path());
    }
  return found;
}

std::set<std::string> Links() {
  std::set<std::string> found;
  std::istringstream text(ReadText("/proc/net/dev"));
  for (std::string line; std::getline(text, line);)
    if (size_t colon = line.find(':'); colon != std::string::npos) {
      size_t begin = line.find_first_not_of(' ');
      found.insert(line.substr(begin, colon - begin));
    }
  return found;
}

template <class Set>
void Compare(const char* what, const Set& before, const Set& after, std::vector<std::string>& out) {
  Set added, missing;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::inserter(added, added.end()));
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                      std::inserter(missing, missing.end()));
  for (const auto& one : added) out.push_back(std::string("+ ") + what + " " + one);
  for (const auto& one : missing) out.push_back(std::string("- ") + what + " " + one);
}

}  // namespace

std::set<std::string> RecordedIds(const Daemon& daemon) {
  static const std::regex kId("[0-9a-f]{64}");
  std::set<std::string> ids;
  std::error_code gone;
  for (const char* kind : {"/pods", "/containers"})
    for (const std::string& top : {daemon.root(), daemon.state()})
      for (const auto& entry : fs::directory_iterator(top + kind, gone))
        if (std::regex_match(entry.path().filename().string(), kId)) ids.insert(entry.path().filename());
  return ids;
}

Snapshot Snapshot::Take(const Daemon& daemon, const std::set<std::string>& ids) {
  Snapshot taken;
  taken.own_fds = Fds(::getpid());
  taken.daemon_fds = Fds(daemon.pid());
  for (const Process& process : Descendants({daemon.pid()}))
    if (process.pid != daemon.pid()) taken.processes.insert(std::to_string(process.pid) + " " + process.command);
  taken.mounts = Mounts();
  taken.cgroups = Groups(ids);
  taken.files = Files(daemon);
  taken.links = Links();
  return taken;
}

std::vector<std::string> Snapshot::DifferenceTo(const Snapshot& before) const {
  std::vector<std::string> out;
  Compare("descriptor of the test", before.own_fds, own_fds, out);
  Compare("descriptor of cradled", before.daemon_fds, daemon_fds, out);
  Compare("process", before.processes, processes, out);
  Compare("mount", before.mounts, mounts, out);
  Compare("cgroup", before.cgroups, cgroups, out);
  Compare("file", before.files, files, out);
  Compare("interface", before.links, links, out);
  return out;
}

}  // namespace cradle::test
