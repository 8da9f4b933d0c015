// Session: one streaming connection of the pod's, handed over by the daemon. Main thread, never blocks. It tells its
// hooks when it is over; until then the pod keeps it.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/event_loop.h"
#include "base/sys/process.h"
#include "shim/container.h"
#include "shim/services.h"
#include "streaming/plan.h"

namespace cradle::shim {

class Session : public std::enable_shared_from_this<Session> {
 public:
  using Over = std::function<void(Session*)>;
  virtual ~Session() = default;

  virtual Result<> Begin() = 0;
  // Of its process; 0: none that isn't reaped.
  virtual pid_t pid() const { return 0; }
  virtual void OnReaped(const sys::Exit&) {}
  // The pod is being shut down, or nothing has happened for long: tells the client and ends.
  virtual void End(std::string_view why) = 0;
  // Nothing waits for the client to read.
  virtual bool all_sent() const = 0;

 protected:
  Session(Services& services, streaming::SessionPlan plan, Over over)
      : services_(services), plan_(std::move(plan)), over_(std::move(over)) {}
  // Something went over the wire.
  void Touch() { touched_ = std::chrono::steady_clock::now(); }
  void WatchIdle();
  // May be called from anywhere in the session's own code: it is dropped afterwards.
  void TellOver();

  Services& services_;
  streaming::SessionPlan plan_;

 private:
  const Over over_;
  Deadline touched_ = std::chrono::steady_clock::now();
  EventLoop::Timer idle_;
  bool told_ = false;
};

// By the plan's kind. `container`: of an exec or attach; `pause`: pidfd whose network a port-forward uses.
Result<std::shared_ptr<Session>> MakeSession(Services& services, streaming::SessionPlan plan,
                                             std::shared_ptr<Container> container, FdRef pause, UniqueFd socket,
                                             Session::Over over);

}  // namespace cradle::shim
