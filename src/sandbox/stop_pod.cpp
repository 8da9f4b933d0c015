// StopPodSandbox: everything is killed at once, the network detached, the shim ended, the groups removed. Every part
// can be done again, and asks the disk and the kernel what there is; memory is only a hint.
#include <fcntl.h>
#include <sys/mount.h>

#include <cerrno>

#include "base/crash_point.h"
#include "base/log.h"
#include "base/sys/file.h"
#include "base/sys/mount.h"
#include "base/sys/process.h"
#include "sandbox/node.h"

namespace cradle::sandbox {
namespace {

// Goes on past failures and keeps the first one.
class First {
 public:
  void Take(Result<> result, std::string_view what) {
    if (!result.ok() && first_.ok()) first_ = std::move(result).With(what);
  }
  Result<> Get() { return std::move(first_); }
  bool ok() const { return first_.ok(); }

 private:
  Result<> first_;
};

void SayIfFailed(const Result<>& result, const Pod& pod) {
  if (!result.ok()) log::Warning(Cat("pod ", pod.Name(), ": ", result.error().text()));
}

// By a signal or a tracer: it answers nothing until it goes on.
bool IsStopped(pid_t pid) {
  auto stat = sys::ReadFile(kCwd, Cat("/proc/", std::to_string(pid), "/stat"), 4096);
  size_t name_end = stat.ok() ? stat->rfind(") ") : std::string::npos;
  return name_end != std::string::npos && (stat->substr(name_end + 2, 1) == "T" || stat->substr(name_end + 2, 1) == "t");
}

Result<> UnbindNetns(const std::string& path) {
  // Twice bound (a crash between two attempts) is unbound twice; EINVAL: not a mount point.
  for (int i = 0; i < 8; ++i) {
    auto gone = sys::Umount(path, MNT_DETACH);
    if (gone.ok()) continue;
    if (gone.error().err() == ENOENT) return {};
    if (gone.error().err() == EINVAL) break;
    return gone;
  }
  return sys::RemoveFile(kCwd, path);
}

}  // namespace

void Node::StopPod(const std::string& id, Done<> done) {
  auto found = store_.FindPod(id);
  if (!found.ok()) return done(found.error().code() == Code::kNotFound ? Result<>() : found.error());
  PodRef pod = *found;
  pod->Post([this, pod, done = std::move(done)] {
    done(TearDownPod(*pod).With(Cat("stop pod ", pod->Name())));
  });
}

Result<> Node::TearDownPod(Pod& pod) {
  // "begun", then "done": a pod with this file is NOTREADY, also after a restart; one without "done" is torn down again.
  std::string mark = Cat(paths_.pod(pod.id()), "/", kStoppedFile);
  if (auto stopped = sys::ReadFile(kCwd, mark, 16); stopped.ok() && *stopped == kStopDone) return {};
  RetirePod(pod);
  // A full disk must not keep a pod alive: without the mark a restart finds the shim gone, and comes here again.
  SayIfFailed(sys::ReplaceFile(kCwd, mark, kStopBegun, 0600), pod);
  TRYV(CrashPoint("stop_pod.begun"));
  First first;
  first.Take(KillContainers(pod), "containers");
  TRYV(CrashPoint("stop_pod.containers"));
  first.Take(DetachNetwork(pod), "network");
  TRYV(CrashPoint("stop_pod.network"));
  first.Take(EndShim(pod), "shim");
  TRYV(CrashPoint("stop_pod.shim"));
  first.Take(RemovePodGroups(pod), "cgroups");
  TRYV(CrashPoint("stop_pod.cgroups"));
  if (first.ok()) SayIfFailed(sys::ReplaceFile(kCwd, mark, kStopDone, 0600), pod);
  return first.Get();
}

Result<> Node::KillContainers(Pod& pod) {
  First first;
  // Without a shim nobody answers the views: they end with pause, and who waits for an answer can die.
  if (!pod.shim()) first.Take(groups_.Kill(PauseGroup(pod)), "pause");
  std::vector<ContainerRef> all = store_.ContainersOf(pod.id());
  for (const ContainerRef& one : all) first.Take(groups_.Kill(one->record().cgroup), one->id().str());
  Deadline deadline = After(kKill);  // of all together
  for (const ContainerRef& one : all) first.Take(KillContainer(*one, deadline), one->id().str());
  return first.Get();
}

Result<> Node::DetachNetwork(const Pod& pod) {
  std::string path = paths_.netns(pod.id());
  // A host network pod has no record and no file: both answers are then immediate.
  TRYV(network_.Del(pod.id().str(), path, After(kNetwork)));
  return UnbindNetns(path);
}

Result<> Node::EndShim(Pod& pod) {
  if (auto client = pod.shim()) {
    pod.SetShim(nullptr);  // first: its going is no loss then
    // One that doesn't answer is killed with its group, below; one that is stopped isn't asked.
    if (!IsStopped(pod.view()->shim_pid)) SayIfFailed(client->Shutdown(After(kShimCall)).With("end the shim"), pod);
  }
  TRYV(groups_.Destroy(ShimGroup(pod), After(kKill)));
  if (pod.shim_pidfd.valid()) {
    TRY(sys::WaitPidfd(pod.shim_pidfd, After(kKill)).With("wait for the shim"));
    pod.shim_pidfd.Reset();
  }
  pod.pause_pidfd.Reset();
  pod.Change([](PodView& view) { view.shim_pid = view.pause_pid = 0; });
  return {};
}

Result<> Node::RemovePodGroups(const Pod& pod) {
  const PodRecord& record = pod.record();
  TRYV(groups_.Destroy(PauseGroup(pod), After(kKill)));
  if (record.own_parent) TRYV(groups_.Destroy(record.cgroup_parent, After(kKill)));
  return {};
}

}  // namespace cradle::sandbox
