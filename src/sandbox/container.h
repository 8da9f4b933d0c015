// Container: one container of a pod in memory.
//
//            create                start               the process ends
//   (none) ---------> kCreated -----------> kRunning ------------------> kExited
//                        |                                                  ^
//                        +-------- start failed, pod stopped ---------------+
//   kUnknown: after a restart, until the shim has answered.
//
// The record never changes; the view is replaced by Change. Exits arrive on the shim loop's thread, everything else on
// the pod's queue. Thread safe; the mutex is never held across a wait or I/O.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "sandbox/runtime.h"

namespace cradle::sandbox {

class Pod;

class Container {
 public:
  Container(std::shared_ptr<Pod> pod, std::shared_ptr<const container::ContainerRecord> record);

  const container::ContainerRecord& record() const { return *record_; }
  const ContainerId& id() const { return record_->id; }
  Pod& pod() const { return *pod_; }

  ContainerPtr view() const;
  State state() const { return view()->state; }
  void Change(const std::function<void(ContainerView&)>& change);
  // False when the state is not `from`.
  bool ChangeFrom(State from, const std::function<void(ContainerView&)>& change);

  // Sets kExited once; false later. WakeWaiters follows the first.
  bool SetExited(const container::ExitRecord& exit);
  // Wakes WaitExited and runs the OnExit callbacks.
  void WakeWaiters();
  bool WaitExited(Deadline deadline) const;
  // Runs `action` once it is EXITED; at once if it is already.
  void OnExit(std::function<void()> action);

  // The first process. Invalid before it exists.
  void SetPidfd(UniqueFd pidfd);
  Result<> Signal(int signal) const;
  // How it ended, as the kernel keeps it: for a shim that doesn't tell. Nothing while it lives, or once nobody knows.
  std::optional<container::ExitRecord> LookAtDead() const;

  // Removed from the store: no longer listed.
  bool visible = false;  // guarded by the store

 private:
  const std::shared_ptr<Pod> pod_;
  const std::shared_ptr<const container::ContainerRecord> record_;
  mutable std::mutex mutex_;
  mutable std::condition_variable exited_;
  ContainerPtr view_;
  UniqueFd pidfd_;
  std::vector<std::function<void()>> on_exit_;
};

using ContainerRef = std::shared_ptr<Container>;

// The exit as CRI tells it: Completed, Error, OOMKilled, StartError.
container::ExitRecord ExitFrom(const shim::ExitInfo& info);
// A container of whose end nobody tells.
container::ExitRecord UnknownExit(int64_t started_at,
                                  std::string_view why = "the pod's shim was lost before the container's end was told");

}  // namespace cradle::sandbox
