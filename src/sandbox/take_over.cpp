// A pod whose shim is dead gets another one. What ran goes on: pause keeps what the new shim needs of the old one
// (shim/keep.h). Commands that were run inside containers end, for nobody is left who knows their clients. A container
// that was created and not started is set up again.
#include <fcntl.h>

#include <algorithm>

#include "base/log.h"
#include "base/sys/file.h"
#include "base/sys/process.h"
#include "base/sys/socket.h"
#include "sandbox/node.h"
#include "sandbox/steps.h"

namespace cradle::sandbox {
namespace {

constexpr int kAttempts = 3;  // of successors that live and can't do it
// A shim that dies again and again is killed by something in its pod: that ends then.
constexpr size_t kMostSuccessions = 30;
constexpr seconds kWithin{60};
constexpr milliseconds kDying{500};

bool DiedItself(const Pod& pod) {
  if (!pod.shim_pidfd.valid()) return false;
  auto dead = sys::PollReadable(pod.shim_pidfd, After(kDying));  // its socket ends a moment before it
  return dead.ok() && *dead;
}

// Pause is; PID 1 of the pod's own, in the same group, is not.
bool IsInOurPidNamespace(pid_t pid) {
  auto ours = sys::ReadlinkAt(kCwd, "/proc/self/ns/pid");
  auto its = sys::ReadlinkAt(kCwd, Cat("/proc/", std::to_string(pid), "/ns/pid"));
  return ours.ok() && its.ok() && *ours == *its;
}

}  // namespace

bool LacksShim(const Pod& pod) { return pod.phase() == Pod::Phase::kReady && !pod.shim(); }

Result<> Node::SucceedShim(Pod& pod) {
  Result<> done;
  for (int failed = 0; failed < kAttempts;) {
    Deadline now = std::chrono::steady_clock::now();
    pod.successions.push_back(now);
    if (pod.successions.size() > kMostSuccessions) pod.successions.pop_front();
    if (pod.successions.size() == kMostSuccessions && now - pod.successions.front() < kWithin) {
      done = Error(Code::kAborted, Cat("it died ", std::to_string(kMostSuccessions), " times within a minute"));
      break;
    }
    done = TakeOver(pod);
    if (done.ok()) {
      auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - now);
      log::Info(Cat("pod ", pod.Name(), ": shim ", std::to_string(pod.view()->shim_pid), " has taken over in ",
                    std::to_string(took.count()), " ms"));
      return {};
    }
    pod.SetShim(nullptr);
    if (!DiedItself(pod)) ++failed;
    log::Warning(Cat("pod ", pod.Name(), ": no successor for its shim: ", done.error().text()));
  }
  pod.lost = Cat("the pod's shim died and has no successor: ", done.error().text());
  log::Warning(Cat("pod ", pod.Name(), " is stopped"));
  return TearDownPod(pod);
}

// A daemon that dies in here leaves a shim without a pause, or one that has taken over: both are what Adopt looks for.
Result<> Node::TakeOver(Pod& pod) {
  Laps laps;
  Steps steps("take_over", laps);
  shim::PauseStarted pause;
  std::shared_ptr<shim::ShimClient> client;
  TRYV(steps.Do("dead_shim", [&] { return EndDeadShim(pod); }));
  TRYV(steps.Do("pause", [&]() -> Result<> {
    pause = TRY(FindPause(pod));
    return {};
  }));
  TRYV(steps.Do("shim", [&]() -> Result<> {
    client = TRY(LaunchShim(pod));
    return {};
  }));
  TRYV(steps.Do("hand_over", [&] { return client->TakeOver(pause, After(kShimCall)); }));
  pod.Change([&](PodView& view) { view.pause_pid = pause.pid; });
  pod.pause_pidfd = std::move(pause.pidfd);
  pod.SetShim(std::move(client));  // from here on it can answer
  return steps.Do("adopt", [&] { return AdoptContainers(pod, Shim::kSuccessor); });
}

// Known, or the one in its group.
Result<shim::PauseStarted> Node::FindPause(const Pod& pod) const {
  if (pod.pause_pidfd.valid() && !sys::PidfdExited(pod.pause_pidfd))
    return shim::PauseStarted{pod.view()->pause_pid, TRY(sys::Dup(pod.pause_pidfd))};
  auto processes = TRY(groups_.Processes(PauseGroup(pod)));
  auto pauses = processes;
  std::erase_if(pauses, [](pid_t pid) { return !IsInOurPidNamespace(pid); });
  if (pauses.size() != 1) return NotFound("its pause is gone");
  shim::PauseStarted pause{pauses.front(), TRY(sys::PidfdOpen(pauses.front()))};
  // Between the two its number may have become another's.
  if (TRY(groups_.Processes(PauseGroup(pod))) != processes) return NotFound("its pause is gone");
  return pause;
}

// It may live on, of no use. Then what it ran for clients: their groups are named so (PlanExec).
Result<> Node::EndDeadShim(Pod& pod) {
  TRYV(groups_.Destroy(ShimGroup(pod), After(kKill)));
  if (pod.shim_pidfd.valid()) TRY(sys::WaitPidfd(pod.shim_pidfd, After(kKill)).With("wait for the shim"));
  pod.shim_pidfd.Reset();
  for (const ContainerRef& one : store_.ContainersOf(pod.id()))
    for (const std::string& child : groups_.Children(one->record().cgroup))
      if (child.starts_with(kExecGroup)) TRYV(groups_.Destroy(Cat(one->record().cgroup, "/", child), After(kKill)));
  return {};
}

// A container that isn't among those that run, nor known to have ended. The error: this shim has died, too.
Result<> Node::AdoptMissing(Container& one) {
  State state = one.state();
  if (state == State::kExited) return {};
  Result<> remade = state == State::kRunning ? Internal("its shim died before it was kept") : RemakeContainer(one);
  if (remade.ok() || DiedItself(one.pod())) return remade;
  log::Warning(Cat("container ", one.id().str(), ": ", remade.error().text()));
  (void)groups_.Kill(one.record().cgroup).ok();
  SetExited(one, UnknownExit(one.view()->started_at, Cat("the pod's shim died: ", remade.error().text())));
  return {};
}

void PostServed(Pod& pod, std::function<void()> work) {
  pod.Post([kept = pod.shared_from_this(), work = std::move(work)] {
    if (LacksShim(*kept)) return kept->Post(work);
    work();
  });
}

}  // namespace cradle::sandbox
