// Pod: what a shim looks after: one pause, its containers, the commands run in them; and what is asked of it. Requests
// come from the server, exits from the reaper. Main thread, never blocks.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/sys/process.h"
#include "shim/container.h"
#include "shim/exec.h"
#include "shim/services.h"
#include "shim/session.h"

namespace cradle::shim {

class Pod {
 public:
  // `quit` is called when a shutdown is complete and answered.
  Pod(Services& services, std::function<void()> quit) : services_(services), quit_(std::move(quit)) {}
  void Handle(Request request);
  // Reaps every child that has ended, orphans of the pod included.
  void Reap();

 private:
  struct Pause {
    pid_t pid = 0;  // 0: not running
    UniqueFd pidfd;
    UniqueFd user_namespace;  // invalid: the host's
    UniqueFd report;
    EventLoop::Watch reporting;
    EventLoop::Watch ending;  // of a predecessor's: nobody's child
    std::optional<Error> failure;
    ReplyTo to;  // until it runs
  };

  Result<> Dispatch(Request& request);
  void Hello(ReplyTo to);
  Result<> StartPause(Request& request);
  Result<> TakeOver(Request& request);
  Result<> ResumeContainers(std::map<std::string, Keep::Item> kept);
  Container::Hooks HooksOf();
  void OnPauseReport();
  void OnPauseReaped();
  void TellPauseEnded();
  Result<> Create(Request& request);
  Result<> StartExec(Request& request);
  void EndExec(const Request& request);
  Result<> StartSession(Request& request);
  void List(ReplyTo to);
  Result<> TellPidfd(Request& request);
  void Shutdown(ReplyTo to);
  void QuitWhenEmpty();
  void OnReaped(const sys::Exit& exit);
  void OnExited(Container& container);
  Result<std::shared_ptr<Container>> Find(const std::string& id);
  void TrimLater();

  Services& services_;
  const std::function<void()> quit_;
  Pause pause_;
  std::map<std::string, std::shared_ptr<Container>> containers_;
  std::map<pid_t, std::shared_ptr<Exec>> execs_;
  std::map<Session*, std::shared_ptr<Session>> sessions_;
  ReplyTo shutdown_;
  bool shutting_down_ = false;
  EventLoop::Timer trim_, shutdown_timer_, goodbye_timer_, sessions_timer_;
};

}  // namespace cradle::shim
