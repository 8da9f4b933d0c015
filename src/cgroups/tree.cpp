#include "cgroups/tree.h"

#include <fcntl.h>
#include <signal.h>

#include <algorithm>

#include "base/sys/file.h"
#include "base/sys/process.h"
#include "cgroups/control.h"
#include "cgroups/values.h"

namespace cradle::cgroups {
namespace {

constexpr size_t kMaxList = 4 << 20;  // bytes of one cgroup.procs
constexpr size_t kMaxFile = 64 << 10;
constexpr int kKillRounds = 10;

// Names below the root's descriptor.
std::string Relative(const std::string& path) { return path == "/" ? "." : path.substr(1); }
std::string Relative(const std::string& path, const std::string& file) {
  return path == "/" ? file : Cat(std::string_view(path).substr(1), "/", file);
}
std::string Parent(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

bool Gone(const Error& error) { return error.err() == ENOENT || error.err() == ENODEV || error.err() == ENOTDIR; }

Result<> CheckPath(const std::string& path) {
  auto bad = [&](std::string_view why) {
    return InvalidArgument(Cat("cgroup path \"", path, "\": ", why));
  };
  if (path.empty() || path[0] != '/') return bad("must be absolute");
  if (path.size() > 3000) return bad("too long");
  if (path == "/" || path.back() == '/' || path.find("//") != path.npos)
    return bad("has an empty name");
  if (std::ranges::any_of(path, [](unsigned char c) { return c < ' ' || c == 127; }))
    return bad("has a control character");
  for (std::string_view name : Split(path, '/')) {
    if (name == "." || name == "..") return bad("may not hold \".\" or \"..\"");
    if (name.size() > 255) return bad("has a name of more than 255 bytes");
  }
  return {};
}

Result<Tree> Tree::Open(std::string dir) {
  UniqueFd root = TRY(sys::OpenAt(kCwd, dir, O_PATH | O_DIRECTORY));
  return Tree(std::move(dir), std::move(root));
}

bool Tree::Exists(const std::string& path) const { return sys::Exists(root_, Relative(path)); }
bool Tree::HasFile(const std::string& path, const std::string& file) const {
  return sys::Exists(root_, Relative(path, file));
}

std::vector<std::string> Tree::Children(const std::string& path) const {
  auto dir = OpenGroup(path);
  if (!dir.ok()) return {};
  // Two links: nothing below it, as mostly; a list of its files costs as much as reading two of them.
  if (auto info = sys::Fstat(*dir); info.ok() && info->st_nlink == 2) return {};
  auto names = sys::ListSubdirs(*dir);
  return names.ok() ? std::move(*names) : std::vector<std::string>();
}

Result<> Tree::Make(const std::string& path, Made& made) const {
  // A parent may vanish between two calls (an empty one is removed with its last child): then
  // again, from there.
  for (int round = 0;; ++round) {
    auto done = sys::MkdirAt(root_, Relative(path), 0755);
    if (done.ok()) {
      made.emplace_back(this, path);
      return {};
    }
    if (done.error().err() == EEXIST) return {};
    if (done.error().err() == ENOTDIR)
      return InvalidArgument(Cat("cgroup path \"", path, "\": leads through a file of ", dir_));
    if (done.error().err() != ENOENT || round == 8 || Parent(path).empty())
      return std::move(done.error()).With(dir_);
    TRYV(Make(Parent(path), made));
  }
}

Result<> Tree::Remove(const std::string& path, Deadline deadline) const {
  auto removed = RemoveEmpty(path);
  if (removed.ok() || removed.error().err() != EBUSY) return removed;
  // One descriptor at any depth (a container may have nested its own groups as deep as it likes):
  // down by name, up by
  // "..", and each step up removes what has been emptied.
  auto at = sys::OpenAt(root_, Relative(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  for (int depth = 0; at.ok() && depth >= 0;) {
    bool down = false;
    for (const std::string& name : TRY(sys::ListSubdirs(*at))) {
      auto child = sys::UnlinkAt(*at, name, AT_REMOVEDIR);
      if (child.ok() || Gone(child.error())) continue;
      if (child.error().err() != EBUSY) return std::move(child.error()).With(Dir(path));
      auto below = sys::OpenAt(*at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (!below.ok()) continue;
      // Two links: nothing below it, so it is busy with processes.
      if (TRY(sys::Fstat(*below)).st_nlink <= 2) return std::move(child.error()).With(Dir(path));
      at = std::move(below);
      ++depth;
      down = true;
      break;
    }
    if (!down && depth-- > 0) at = sys::OpenAt(*at, "..", O_RDONLY | O_DIRECTORY);
    if (After(milliseconds(0)) > deadline)
      return Error(Code::kDeadlineExceeded,
                   Cat("remove ", Dir(path), ": too many groups below it"));
  }
  return RemoveEmpty(path);
}

Result<> Tree::RemoveEmpty(const std::string& path) const {
  auto removed = sys::UnlinkAt(root_, Relative(path), AT_REMOVEDIR);
  if (removed.ok() || Gone(removed.error())) return {};
  return std::move(removed.error()).With(dir_);
}

Result<std::string> Tree::Read(const std::string& path, const std::string& file) const {
  return ReadControl(root_, Relative(path, file)).With(dir_);
}

Result<> Tree::Write(const std::string& path, const std::string& file,
                     std::string_view value) const {
  return sys::WriteControl(root_, Relative(path, file), value).With(dir_);
}

Result<UniqueFd> Tree::OpenGroup(const std::string& path) const {
  return sys::OpenAt(root_, Relative(path), O_PATH | O_DIRECTORY).With(dir_);
}

Result<std::vector<pid_t>> Tree::Processes(const std::string& path) const {
  std::vector<pid_t> pids;
  std::vector<std::string> todo = {path};
  while (!todo.empty()) {
    std::string group = std::move(todo.back());
    todo.pop_back();
    auto text = sys::ReadFile(root_, Relative(group, "cgroup.procs"), kMaxList);
    if (!text.ok() && Gone(text.error())) continue;
    if (!text.ok()) return std::move(text.error()).With(dir_);
    for (std::string_view line : Split(*text, '\n'))
      if (auto pid = ParseNumber(line); pid && *pid > 1) pids.push_back(static_cast<pid_t>(*pid));
    for (const std::string& child : Children(group)) todo.push_back(Cat(group, "/", child));
  }
  return pids;
}

Result<> KillListed(const Tree& tree, const std::string& path) {
  for (int round = 0; round < kKillRounds; ++round) {
    std::vector<pid_t> pids = TRY(tree.Processes(path));
    if (pids.empty()) return {};
    std::vector<std::pair<pid_t, UniqueFd>> held;
    for (pid_t pid : pids)
      if (auto pidfd = sys::PidfdOpen(pid); pidfd.ok()) held.emplace_back(pid, std::move(*pidfd));
    // Between the list and the descriptor a number may have gone to a stranger: who is listed again
    // is ours.
    pids = TRY(tree.Processes(path));
    for (auto& [pid, pidfd] : held)
      if (std::ranges::find(pids, pid) != pids.end())
        (void)sys::PidfdSendSignal(pidfd, SIGKILL).ok();
  }
  return {};
}

std::string DescribeProcesses(const Tree& tree, const std::string& path) {
  auto pids = tree.Processes(path);
  if (!pids.ok() || pids->empty()) return "no process";
  std::string out;
  for (size_t i = 0; i < pids->size() && i < 3; ++i) {
    std::string proc = Cat("/proc/", std::to_string((*pids)[i]), "/");
    auto read = [&](const char* file) {
      auto text = sys::ReadFile(kCwd, proc + file, kMaxFile);
      return text.ok() ? std::string(Trim(*text)) : std::string("?");
    };
    std::string stat = read("stat");
    size_t end = stat.rfind(')');
    std::string state = end != stat.npos && end + 2 < stat.size() ? stat.substr(end + 2, 1) : "?";
    out += Cat(i ? ", " : "", "process ", std::to_string((*pids)[i]), " (", read("comm"),
               ") in state ", state, ", waiting in ", read("wchan"));
  }
  if (pids->size() > 3) out += Cat(" and ", std::to_string(pids->size() - 3), " more");
  return out;
}

}  // namespace cradle::cgroups
