#include "cgroups/v2_systemd.h"

#include <signal.h>

#include <algorithm>

#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "cgroups/values.h"

namespace cradle::cgroups {
namespace {

constexpr std::string_view kSlice = ".slice";
constexpr std::string_view kScope = ".scope";
constexpr char kOwnSlice[] = "/cradle.slice";

// The part of the path that ends with a scope; empty: there is none.
std::string ScopeIn(const std::string& path) {
  size_t at = path.find(Cat(kScope, "/"));
  if (at != path.npos) return path.substr(0, at + kScope.size());
  return path.ends_with(kScope) ? path : std::string();
}

std::string LastName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

void KillAndReap(const sys::Child& child, Deadline deadline) {
  (void)sys::PidfdSendSignal(child.pidfd, SIGKILL).ok();
  (void)sys::WaitPidfd(child.pidfd, deadline).ok();
}

}  // namespace

std::optional<std::string> SlicePath(std::string_view slice) {
  if (slice.size() > 255 || !slice.ends_with(kSlice)) return std::nullopt;
  std::string_view name = slice.substr(0, slice.size() - kSlice.size());
  if (name == "-") return "";
  bool plain = std::ranges::all_of(name, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == ':' || c == '\\' || c == '@';
  });
  if (!plain || name.empty() || name.front() == '-' || name.back() == '-' || name.find("--") != name.npos)
    return std::nullopt;
  std::string path;
  for (size_t end = name.find('-'); end != name.npos; end = name.find('-', end + 1))
    path += Cat("/", name.substr(0, end), kSlice);
  return Cat(path, "/", slice);
}

Result<std::unique_ptr<Cgroups>> CgroupsSystemd::Open(const std::string& dir, const std::string& holder_program,
                                                      std::unique_ptr<Systemd> systemd, milliseconds patience) {
  Tree tree = TRY(OpenTree(dir));
  return std::unique_ptr<Cgroups>(
      new CgroupsSystemd(std::move(tree), holder_program, std::move(systemd), patience));
}

Result<PodParent> CgroupsSystemd::ParentOf(const std::string& cgroup_parent, const std::string& pod) const {
  std::string scope = Cat("/cradle-", pod, kScope);
  if (cgroup_parent.empty()) return PodParent{kOwnSlice + scope, true};
  auto slice = SlicePath(LastName(cgroup_parent));
  if (!slice)
    return InvalidArgument(
        Cat("\"", cgroup_parent, "\": must end with the name of a slice, as kubepods-burstable.slice"));
  return PodParent{*slice + scope, true};
}

Result<Placement> CgroupsSystemd::Create(const std::string& path, const Limits& limits) {
  TRYV(CheckPath(path));
  std::string scope = ScopeIn(path);
  if (!scope.empty() && !Exists(scope)) TRYV(MakeScope(scope).With(Cat("create cgroup ", scope)));
  return CgroupsV2::Create(path, limits);
}

// A scope begins with a process that lives. Once that is moved into a leaf of its own, groups beside it can have
// controllers. Until then it goes with the daemon (cradle-pause, descriptor 3): nobody else would find it.
Result<> CgroupsSystemd::MakeScope(const std::string& path) {
  Deadline deadline = After(patience_);
  std::string slice = LastName(path.substr(0, path.rfind('/')));
  sys::SpawnOptions options;
  options.program = holder_program_;
  options.args = {"cradle-hold"};
  options.new_session = true;
  sys::Pipe held_by = TRY(sys::MakePipe());
  options.fds = {{held_by.read, 3}};
  sys::Child holder = TRY(sys::Spawn(options).With(holder_program_));
  held_by.read.Reset();
  auto started = systemd_->StartScope(
      {LastName(path), slice.empty() ? "-.slice" : slice, "cradle: a pod's cgroups", holder.pid}, deadline);
  auto held = started.ok() ? Hold(path, holder.pid) : std::move(started);
  if (held.ok()) held = sys::WriteAll(held_by.write, "+", 1);
  if (!held.ok()) {
    KillAndReap(holder, After(patience_));
    // Another call was first: with the shims' scope, which all pods share.
    if (held.error().code() == Code::kAlreadyExists) return WaitFor(path, deadline);
    return held;
  }
  std::lock_guard lock(mutex_);
  holders_.insert_or_assign(path, std::move(holder));
  return {};
}

Result<> CgroupsSystemd::Hold(const std::string& path, pid_t holder) const {
  Made made;
  TRYV(tree().Make(path + "/hold", made));
  return tree().Write(path + "/hold", "cgroup.procs", std::to_string(holder));
}

Result<> CgroupsSystemd::WaitFor(const std::string& path, Deadline deadline) const {
  while (!Exists(path + "/hold")) {
    if (MillisLeft(deadline) == 0) return Error(Code::kDeadlineExceeded, "systemd knows it, but there is no group");
    TRY(sys::Poll({}, std::min(deadline, After(milliseconds(10)))));
  }
  return {};
}

Result<> CgroupsSystemd::Destroy(const std::string& path, Deadline deadline) {
  TRYV(CgroupsV2::Destroy(path, deadline));
  std::unique_lock lock(mutex_);
  auto holder = holders_.extract(path);
  lock.unlock();
  if (!holder.empty()) TRY(sys::WaitPidfd(holder.mapped().pidfd, deadline).With("wait for the scope's holder"));
  return {};
}

}  // namespace cradle::cgroups
