// ShimClient: the daemon's end of the shim protocol (protocol.h). One ShimLoop (one thread, epoll) serves all clients.
// Every call has a deadline and costs only the caller: a shim that doesn't answer makes its calls fail with
// kDeadlineExceeded, and nobody else waits. Callbacks run on the loop's thread and must not block. Thread safe.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"
#include "container/plan.h"
#include "shim/protocol.h"
#include "streaming/plan.h"

namespace cradle::shim {

struct ExitInfo {
  std::string container;
  int exit_code = 0;  // 0-255; killed by a signal: 128 + signal
  int signal = 0;
  bool oom_killed = false;
  bool start_failed = false;
  bool unknown = false;  // nobody knows how it ended: exit_code is made up
  int64_t started_at = 0;  // 0: never ran
  int64_t finished_at = 0;
  uint64_t log_dropped = 0;  // bytes of output lost to write errors
};
// What the shim wrote to `exit.<container>` (the fields of kExited, kStartedAt among them).
Result<ExitInfo> DecodeExit(std::string_view bytes);

struct Listed {
  std::string container;
  ContainerState state = ContainerState::kCreated;
  pid_t pid = 0;
  container::ResolvedUser user;
  int64_t started_at = 0;
  ExitInfo exit;  // when state is kExited
};

struct Created {
  pid_t pid = 0;
  UniqueFd pidfd;
  container::ResolvedUser user;
};

struct PauseStarted {
  pid_t pid = 0;
  UniqueFd pidfd;
};

struct ExecResult {
  int exit_code = 0;
  bool timed_out = false;
  std::string out;
  std::string err;
};

class ShimLoop;  // owns the thread; create one per daemon

class ShimClient {
 public:
  // What they refer to must live as long as the loop: one may be running when the last reference to a client goes.
  struct Events {
    std::function<void(ExitInfo)> exited;
    // The connection ended: the shim died or was told to. Called once, after it every call fails (kUnavailable).
    std::function<void()> lost;
    std::function<void()> pause_ended = {};  // it was killed, and not by kShutdown
  };

  // Connects and says hello. `socket_path`: the shim's. Exits that the shim still remembers come as events, perhaps
  // before this returns.
  static Result<std::shared_ptr<ShimClient>> Connect(ShimLoop& loop, const std::string& socket_path, Events events,
                                                     Deadline deadline);
  virtual ~ShimClient() = default;

  virtual pid_t shim_pid() const = 0;
  // What kHello told: an invalid pidfd when pause isn't running.
  virtual PauseStarted TakePause() = 0;

  virtual Result<PauseStarted> Pause(const container::PausePlan& plan, Deadline deadline) = 0;
  // Of a successor, first of all: `pause` is the one that a dead shim has left. An error: this shim is of no use.
  virtual Result<> TakeOver(const PauseStarted& pause, Deadline deadline) = 0;
  virtual Result<Created> Create(const container::LaunchPlan& plan, Deadline deadline) = 0;
  // When the shim saw it running, wall clock in ns.
  virtual Result<int64_t> Start(const std::string& container, Deadline deadline) = 0;
  virtual Result<std::vector<Listed>> List(Deadline deadline) = 0;
  virtual Result<UniqueFd> ContainerPidfd(const std::string& container, Deadline deadline) = 0;
  virtual Result<> ReopenLog(const std::string& container, Deadline deadline) = 0;
  virtual Result<> Resize(const std::string& container, uint16_t width, uint16_t height, Deadline deadline) = 0;
  virtual Result<> Delete(const std::string& container, Deadline deadline) = 0;
  virtual Result<> Shutdown(Deadline deadline) = 0;
  // Hands a client's connection over; afterwards the shim's copy of `socket` is the only one that counts. On an error
  // nothing was sent to the client.
  virtual Result<> Stream(const streaming::SessionPlan& plan, FdRef socket, Deadline deadline) = 0;
  // Holds no thread while the command runs. `done` is called once. The deadline bounds the shim's answer as a whole;
  // Deadline::max() for none. `stop` kills the command.
  virtual void Exec(const container::ExecPlan& plan, Deadline deadline, std::stop_token stop,
                    std::function<void(Result<ExecResult>)> done) = 0;
};

class ShimLoop {
 public:
  static Result<std::unique_ptr<ShimLoop>> Create();
  // Ends the thread. Calls of open clients fail from then on; nothing is called back any more but Exec's `done`.
  virtual ~ShimLoop() = default;
  // Runs `action` on the loop's thread at (or soon after) `when`. For stop timers and the like. Returns a key.
  virtual uint64_t RunAt(Deadline when, std::function<void()> action) = 0;
  // An action that is already running, or about to, is not waited for.
  virtual void CancelTimer(uint64_t key) = 0;
};

}  // namespace cradle::shim
