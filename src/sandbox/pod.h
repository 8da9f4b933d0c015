// Pod: one sandbox in memory: its record, its serial queue, the connection to its shim.
//
//   kMaking --all steps done--> kReady --StopPod, pause killed, shim lost for good--> kNotReady --RemovePod--> gone
//      |                                                                               ^
//      +---- a step failed and its undo too -------------------------------------------+        (undone whole: gone)
//
// Blocking work on a pod runs in its queue, one at a time. Thread safe; the mutex is never held across I/O.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "base/fd.h"
#include "sandbox/runtime.h"

namespace cradle::sandbox {

class Pod : public std::enable_shared_from_this<Pod> {
 public:
  enum class Phase { kMaking, kReady, kNotReady };

  Pod(PodRecord record, ThreadPool& pool);

  const PodRecord& record() const { return record_; }
  const PodId& id() const { return record_.id; }
  // "namespace/name (0123456789ab)", for messages.
  std::string Name() const;
  void Post(std::function<void()> work) { queue_->Post(std::move(work)); }

  PodPtr view() const;
  void Change(const std::function<void(PodView&)>& change);
  Phase phase() const;
  void SetPhase(Phase phase);  // view().ready follows

  // Null when there is none (not yet, lost, shut down).
  std::shared_ptr<shim::ShimClient> shim() const;
  void SetShim(std::shared_ptr<shim::ShimClient> shim);
  Result<std::shared_ptr<shim::ShimClient>> NeedShim() const;

  // The shim process, when this daemon started it (else somebody else's child: not ours to reap).
  UniqueFd shim_pidfd;   // on the queue only
  UniqueFd pause_pidfd;  // on the queue only
  std::deque<Deadline> successions;  // when its last shims were succeeded; on the queue only
  std::string lost;                  // why it has no shim and gets none; on the queue only

 private:
  const PodRecord record_;
  const std::shared_ptr<SerialQueue> queue_;
  mutable std::mutex mutex_;
  Phase phase_ = Phase::kMaking;
  PodPtr view_;
  std::shared_ptr<shim::ShimClient> shim_;
};

using PodRef = std::shared_ptr<Pod>;

}  // namespace cradle::sandbox
