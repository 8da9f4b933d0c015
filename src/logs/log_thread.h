// LogThread: the one thread of a pod that writes to disks. It may sleep in a slow or frozen file system; then the logs
// of this pod wait, and nothing else. Owned and called by one thread (the owner); answers come back to the owner's loop.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/event_loop.h"
#include "base/result.h"
#include "base/sys/thread.h"
#include "logs/pump.h"

namespace cradle::logs {

class LogThread {
 public:
  // `parts`: of a new journal, or of one that a dead thread has used.
  static Result<std::unique_ptr<LogThread>> Start(EventLoop& owner, Journal::Parts parts);
  // Waits for what the thread is doing. The pumps stop without being finished.
  ~LogThread();

  // What a dead thread had begun, and so must be opened first; before anything is. Forget: there is nobody to open.
  std::optional<Journal::Owner> begun() const { return journal_.begun(); }
  void ForgetBegun();
  const Journal::Parts& parts() const { return journal_.parts(); }

  using Done = std::function<void(Result<>)>;
  void Open(std::shared_ptr<Pump> pump, std::string path, Done done);
  void Reopen(std::shared_ptr<Pump> pump, Done done);
  // See Pump::Finish; `grace`: how long other holders of the pipes are waited for.
  void Finish(std::shared_ptr<Pump> pump, milliseconds grace, std::function<void(uint64_t lost)> done);
  // See Pump::AddTap.
  void AddTap(std::shared_ptr<Pump> pump, std::shared_ptr<Tap> tap);
  void RemoveTap(std::shared_ptr<Pump> pump, std::shared_ptr<Tap> tap);

 private:
  explicit LogThread(EventLoop& owner) : owner_(owner) {}

  EventLoop& owner_;
  std::unique_ptr<EventLoop> loop_;
  Journal journal_;
  std::unique_ptr<sys::Thread> thread_;
};

}  // namespace cradle::logs
