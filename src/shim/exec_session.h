// ExecSession: a command run inside a container for a client that is connected to it.
//
//   client's streams are there --> launch --> its output flows, its input too --> reaped, output read --> status --> over
//          |                                           |
//          +-- gone: over                              +-- client gone: terminal hung up, pipes closed; after kHangUpTime
//                                                          what is left in the exec's cgroup is killed --> over
//
// Who else holds its pipes is waited for kLeftBehindTime at most; what is in them then still goes to the client. A client
// that doesn't read stops the reading of the pipes, and so the command. They are read and written by a relay.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "container/plan.h"
#include "shim/launch.h"
#include "shim/relay.h"
#include "shim/session.h"
#include "streaming/command.h"
#include "streaming/sink.h"

namespace cradle::shim {

class ExecSession final : public Session, private streaming::CommandClient::Handler {
 public:
  ExecSession(Services& services, streaming::SessionPlan plan, container::ExecPlan exec,
              std::shared_ptr<Container> container, UniqueFd socket, Over over);
  Result<> Begin() override { WatchIdle(); return client_->Begin(plan_); }
  pid_t pid() const override { return pid_; }
  void OnReaped(const sys::Exit& exit) override;
  void End(std::string_view why) override;
  bool all_sent() const override { return client_->connection().all_sent(); }

 private:
  struct Output {
    streaming::Channel channel{};
    UniqueFd fd;
    EventLoop::Watch watch;
    bool empty = false;  // the last read found nothing: of a terminal then nothing is left
  };

  void OnReady() override;
  void OnInput(std::string_view bytes) override;
  void OnInputEnd() override;
  void OnResize(streaming::Size size) override;
  void OnRoom() override;
  void OnGone(std::string_view why) override;

  Result<> Launch();
  Result<UniqueFd> OpenOutput(Output& output, Relay& relay);
  Result<UniqueFd> OpenInput(Relay& relay);
  Result<> TakeTerminal(UniqueFd master);
  void OnReport();
  void WatchOutput(Output& output);
  void OnReadable(Output& output);
  bool ReadOnce(Output& output);
  void WaitNoLonger();
  void FinishWhenDone();
  void Finish(const streaming::Status& status);
  void CloseStreams();
  void CleanUp();
  void KillLeftBehind();
  bool CgroupIsEmpty() const;

  const container::ExecPlan exec_;
  const std::shared_ptr<Container> container_;
  const std::unique_ptr<streaming::CommandClient> client_;
  pid_t pid_ = 0;
  UniqueFd pidfd_;
  UniqueFd report_;
  EventLoop::Watch reporting_;
  std::shared_ptr<streaming::Sink> input_;
  Output outputs_[2];
  FdRef terminal_;  // the first output's, with a terminal
  bool terminal_taken_ = false;
  std::string early_;  // input that came before the terminal
  std::optional<streaming::Size> size_;
  std::optional<Error> failure_;
  std::optional<sys::Exit> exit_;
  bool nobody_left_ = false;
  bool finished_ = false;
  bool gone_ = false;
  bool killed_ = false;
  EventLoop::Timer timer_;  // left behind, hang up
};

}  // namespace cradle::shim
