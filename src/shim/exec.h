// Exec: one command run inside a container (ExecSync; hooks, while its first process waits at the gate), from its clone
// to its answer. What it writes comes through a relay and is kept in memory up to a limit per stream, the rest is read and
// dropped; the answer is two memfds and the exit code.
//
// The answer comes when the command has ended and its output is read. Who else holds its pipes is waited for
// kLeftBehindTime at most. On its timeout its whole cgroup is killed. Main thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/sys/process.h"
#include "container/plan.h"
#include "shim/launch.h"
#include "shim/relay.h"
#include "shim/services.h"

namespace cradle::shim {

// One stream on its way into a memfd.
class Capture {
 public:
  Capture(Services& services, std::function<void()> ended) : services_(services), ended_(std::move(ended)) {}
  // Returns the writing end, for the child.
  Result<UniqueFd> Open(uint64_t limit, Relay& relay);
  bool ended() const { return !socket_.valid(); }
  // Ends reading and seals what was kept.
  FdRef Seal();

 private:
  bool ReadOnce();
  void OnReadable();

  Services& services_;
  const std::function<void()> ended_;
  UniqueFd socket_;
  EventLoop::Watch watch_;
  UniqueFd memfd_;
  uint64_t left_ = 0;
};

class Exec : public std::enable_shared_from_this<Exec> {
 public:
  // `over`: drop it; called once, when it is answered and reaped.
  static Result<std::shared_ptr<Exec>> Launch(Services& services, const container::ExecPlan& plan, FdRef init,
                                              ReplyTo to, std::function<void(pid_t)> over);
  pid_t pid() const { return pid_; }
  bool Answers(ReplyTo to) const { return to_.connection == to.connection && to_.seq == to.seq; }
  void Kill() { KillAll(cgroup_v2_, pidfd_); }
  void OnReaped(const sys::Exit& exit);

 private:
  Exec(Services& services, const container::ExecPlan& plan, ReplyTo to, std::function<void(pid_t)> over);
  void OnReport();
  void OnTimeout();
  void AnswerWhenEnded();
  void Answer();

  Services& services_;
  const std::string cgroup_v2_;
  const std::function<void(pid_t)> over_;
  ReplyTo to_;
  pid_t pid_ = 0;
  UniqueFd pidfd_;
  UniqueFd report_;
  EventLoop::Watch reporting_;
  Capture out_, err_;
  EventLoop::Timer timeout_, grace_;
  std::optional<Error> failure_;
  std::optional<sys::Exit> exit_;
  bool timed_out_ = false;
  bool answered_ = false;
};

}  // namespace cradle::shim
