// Container: one container's life in the shim, from the clone of its first process until the daemon forgets its exit.
//
//   kCreating --ready--> kCreated --log open, gate--> kStarting --exec--> kRunning
//       |                    |                            |                  |
//       | failed             +------------+---------------+------------------+
//       v                                 v  first process reaped
//     gone                             kEnding: the rest of its cgroup is killed, the log is drained (at most kDrainTime)
//                                         v
//                                      kExited: OOM counter read, exit file written, event sent  --Delete--> gone
//
// From its exec to its exit file what it needs of the shim is kept (keep.h): a successor begins with it at kRunning. There
// its first process is nobody's child: its pidfd tells the end, and how it ended as far as the kernel does.
//
// Main thread; never blocks: a log is opened, reopened and drained by the log thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/sys/process.h"
#include "container/plan.h"
#include "shim/keep.h"
#include "shim/launch.h"
#include "shim/oom_counter.h"
#include "shim/services.h"
#include "shim/views.h"
#include "streaming/sink.h"

namespace cradle::shim {

struct ExitRecord {
  int exit_code = 0;
  int signal = 0;
  bool oom_killed = false;
  bool start_failed = false;
  bool unknown = false;  // how it ended: exit_code is made up
  int64_t finished_at = 0;
  uint64_t log_dropped = 0;
};

class Container : public std::enable_shared_from_this<Container> {
 public:
  enum class State { kCreating, kCreated, kStarting, kRunning, kEnding, kExited };
  struct Hooks {
    std::function<void(Container&)> exited;       // state is kExited now
    std::function<void(const std::string&)> gone;  // drop it: the last thing a container does
  };

  // Clones the first process. `to` is answered when it waits at its gate, or failed to get there and is reaped.
  static Result<std::shared_ptr<Container>> Launch(Services& services, Hooks hooks,
                                                   const container::LaunchPlan& plan, const Infra& pause,
                                                   FdRef target, ReplyTo to);

  // One that a predecessor started. `in`: of its stdin, or invalid.
  static Result<std::shared_ptr<Container>> Resume(Services& services, Hooks hooks, const std::string& id, Kept kept,
                                                   UniqueFd in);

  void Start(ReplyTo to);
  void ReopenLog(ReplyTo to);
  void Resize(ReplyTo to, uint16_t width, uint16_t height);
  // Never started: kills it first. Running: refused.
  void Delete(ReplyTo to);
  // For attached clients, while it runs. Null: it has no stdin.
  std::shared_ptr<streaming::Sink> Input();
  // Its end, for a stdin that is there once.
  void EndInput();
  bool has_terminal() const { return terminal_.valid(); }
  bool stdin_once() const { return stdin_once_; }
  void SetWindowSize(uint16_t width, uint16_t height);
  void AddTap(std::shared_ptr<logs::Tap> tap);
  void RemoveTap(std::shared_ptr<logs::Tap> tap);
  // Every process of it.
  void Kill();
  // The process pid() has ended; by who reaps.
  void OnReaped(const sys::Exit& exit);

  const std::string& id() const { return id_; }
  State state() const { return state_; }
  pid_t pid() const { return pid_; }  // 0 once reaped
  FdRef pidfd() const { return pidfd_; }
  // The fields of kExited; valid in state kExited.
  void AppendExit(wire::Writer& out) const;
  // A kItem of kList.
  std::string Item() const;

 private:
  Container(Services& services, Hooks hooks, const container::LaunchPlan& plan, ReplyTo to);
  Container(Services& services, Hooks hooks, const std::string& id, const Kept& kept);
  Result<> ResumeStreams(Kept kept, UniqueFd in);
  Result<> TakeTerminal(UniqueFd master);
  Result<> KeepRunning();
  Result<UniqueFd> RelayInput() const;
  void OnEnded();
  Result<Stdio> MakePipes(bool keep_stdin);
  void OnReport();
  void BecomeReady(Report report);
  void OnEndOfReport();
  void OnLogOpened(Result<> opened);
  void End();
  void OnDrained(uint64_t lost);
  void WriteExitFile();

  Services& services_;
  const Hooks hooks_;
  const std::string id_;
  const std::string cgroup_v2_;
  const std::string log_path_;
  State state_ = State::kCreating;
  pid_t pid_ = 0;
  UniqueFd pidfd_;
  EventLoop::Watch ending_;  // of a predecessor's
  UniqueFd report_;
  EventLoop::Watch reporting_;
  UniqueFd gate_;
  const bool keep_stdin_, stdin_once_;
  UniqueFd stdin_;     // writing end, when the plan keeps it, until input_ has it
  std::shared_ptr<streaming::Sink> input_;  // made for the first attached client
  UniqueFd terminal_;  // master
  std::unique_ptr<Views> views_;  // null: it sees the host's figures
  OomCounter oom_counter_;
  std::shared_ptr<logs::Pump> pump_;
  std::unique_ptr<Kept> kept_;  // until it runs
  bool log_used_ = false;  // the pump is the log thread's: it must be finished
  EventLoop::Timer drain_timer_;
  container::ResolvedUser user_;
  int64_t started_at_ = 0;
  std::optional<Error> failure_;
  ExitRecord exit_;
  ReplyTo create_reply_, start_reply_, delete_reply_;
};

}  // namespace cradle::shim
