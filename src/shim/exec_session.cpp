#include "shim/exec_session.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/log.h"
#include "base/sys/file.h"
#include "base/sys/socket.h"

namespace cradle::shim {
namespace {

using streaming::Channel;
using streaming::Status;

constexpr milliseconds kLeftBehindTime{1000};
constexpr seconds kHangUpTime{5};
constexpr milliseconds kKillTime{500};
constexpr int kReadsPerTurn = 4;

}  // namespace

ExecSession::ExecSession(Services& services, streaming::SessionPlan plan, container::ExecPlan exec,
                         std::shared_ptr<Container> container, UniqueFd socket, Over over)
    : Session(services, std::move(plan), std::move(over)),
      exec_(std::move(exec)),
      container_(std::move(container)),
      client_(streaming::CommandClient::Make(services_.loop, services_.scratch, plan_, std::move(socket), *this)) {
  outputs_[0].channel = Channel::kStdout;
  outputs_[1].channel = Channel::kStderr;
}

void ExecSession::OnReady() {
  auto launched = Launch();
  if (!launched.ok()) Finish(Status::Failed(launched.error().text()));
}

Result<> ExecSession::Launch() {
  if (container_->state() != Container::State::kRunning) return FailedPrecondition("the container is not running");
  Stdio stdio;
  Relay relay;
  if (!exec_.process.terminal) {
    if (plan_.streams.in) stdio.in = TRY(OpenInput(relay));
    if (plan_.streams.out) stdio.out = TRY(OpenOutput(outputs_[0], relay));
    if (plan_.streams.err) stdio.err = TRY(OpenOutput(outputs_[1], relay));
  }
  Launched launched = TRY(LaunchExec(exec_, container_->pidfd(), std::move(stdio)));
  pid_ = launched.pid;
  pidfd_ = std::move(launched.pidfd);
  report_ = std::move(launched.report);
  auto watch = [&]() -> Result<> {
    TRYV(relay.Start());
    reporting_ = TRY(services_.loop.Add(report_, EPOLLIN, [this](uint32_t) { OnReport(); }));
    return {};
  };
  if (auto watched = watch(); !watched.ok()) {
    failure_ = std::move(watched.error());
    KillAll(exec_.cgroup_v2, pidfd_);
  }
  return {};
}

Result<UniqueFd> ExecSession::OpenInput(Relay& relay) {
  Relay::Ends ends = TRY(relay.AddInput());
  input_ = std::make_shared<streaming::Sink>(services_.loop, std::move(ends.ours));
  return std::move(ends.theirs);
}

Result<UniqueFd> ExecSession::OpenOutput(Output& output, Relay& relay) {
  Relay::Ends ends = TRY(relay.AddOutput());
  output.fd = std::move(ends.ours);
  WatchOutput(output);
  return std::move(ends.theirs);
}

Result<> ExecSession::TakeTerminal(UniqueFd master) {
  TRYV(sys::SetNonblocking(master, true));
  if (plan_.streams.in) input_ = std::make_shared<streaming::Sink>(services_.loop, TRY(sys::Dup(master)));
  outputs_[0].fd = std::move(master);
  terminal_ = outputs_[0].fd;
  terminal_taken_ = true;
  if (size_) OnResize(*size_);
  client_->connection().PauseReading(false);
  if (!early_.empty()) OnInput(std::exchange(early_, {}));
  WatchOutput(outputs_[0]);
  return {};
}

void ExecSession::OnReport() {
  while (report_.valid()) {
    Report report = ReadReport(report_);
    if (report.kind == Report::Kind::kNothingYet) return;
    if (report.kind == Report::Kind::kReady) {
      if (gone_ || !report.terminal.valid()) continue;
      if (auto taken = TakeTerminal(std::move(report.terminal)); !taken.ok()) {
        failure_ = std::move(taken.error());
        KillAll(exec_.cgroup_v2, pidfd_);
      }
      continue;
    }
    if (report.kind == Report::Kind::kFailed) failure_ = std::move(report.error);
    reporting_.Reset();
    report_.Reset();
  }
}

void ExecSession::OnInput(std::string_view bytes) {
  Touch();
  if (!input_) {
    if (!exec_.process.terminal || terminal_taken_) return;
    early_.append(bytes);
    return client_->connection().PauseReading(true);
  }
  input_->Write(bytes);
  if (!input_->full()) return;
  client_->connection().PauseReading(true);
  input_->OnRoom(this, [this] { client_->connection().PauseReading(false); });
}

// A terminal has no end of input: the client may go on watching.
void ExecSession::OnInputEnd() {
  if (input_ && !exec_.process.terminal) input_->End();
}

void ExecSession::OnResize(streaming::Size size) {
  size_ = size;
  if (terminal_.valid()) (void)sys::SetWindowSize(terminal_, size.width, size.height);
}

// Not watched while the client is full: the end of a pipe would be told again and again.
void ExecSession::WatchOutput(Output& output) {
  if (!output.fd.valid() || output.watch.active()) return;
  auto watch = services_.loop.Add(output.fd, EPOLLIN, [this, &output](uint32_t) { OnReadable(output); });
  if (watch.ok()) output.watch = std::move(*watch);
}

void ExecSession::OnRoom() {
  for (Output& output : outputs_) WatchOutput(output);
}

void ExecSession::OnReadable(Output& output) {
  for (int i = 0; i < kReadsPerTurn; ++i) {
    if (client_->full()) return output.watch.Reset();
    if (!ReadOnce(output)) return FinishWhenDone();
  }
  // Once the command has ended it must be known when nothing is left; a watch doesn't tell that.
  if (exit_ && !finished_)
    services_.loop.Post([this, &output, self = shared_from_this()] {
      if (output.fd.valid()) OnReadable(output);
    });
}

// False when there is nothing more to read now.
bool ExecSession::ReadOnce(Output& output) {
  auto got = sys::Read(output.fd, services_.scratch.data(), services_.scratch.size());
  output.empty = !got.ok() && got.error().err() == EAGAIN;
  if (output.empty) return false;
  if (!got.ok() || *got == 0) {  // EIO: a terminal that nobody has open
    output.watch.Reset();
    output.fd.Reset();
    if (exec_.process.terminal) terminal_ = FdRef();
    return false;
  }
  Touch();
  client_->Output(output.channel, {services_.scratch.data(), *got});
  return true;
}

void ExecSession::OnReaped(const sys::Exit& exit) {
  OnReport();
  exit_ = exit;
  pid_ = 0;
  pidfd_.Reset();
  nobody_left_ = failure_ || CgroupIsEmpty();
  if (gone_) {
    if (nobody_left_)
      CleanUp();
    else if (killed_)
      timer_ = services_.loop.RunAt(After(kKillTime), [this] { CleanUp(); });
    return;  // else the timer runs
  }
  if (!failure_) timer_ = services_.loop.RunAt(After(kLeftBehindTime), [this] { WaitNoLonger(); });
  for (Output& output : outputs_)
    if (output.fd.valid() && !client_->full()) OnReadable(output);
  FinishWhenDone();
}

// What the pipes hold comes, and then their end.
void ExecSession::WaitNoLonger() {
  nobody_left_ = true;
  if (!exec_.process.terminal)
    for (const Output& output : outputs_)
      if (output.fd.valid()) (void)sys::Shutdown(output.fd, SHUT_WR);
  FinishWhenDone();
}

void ExecSession::FinishWhenDone() {
  if (!exit_ || finished_ || gone_) return;
  for (const Output& output : outputs_) {
    bool read = exec_.process.terminal && output.empty && nobody_left_;
    if (output.fd.valid() && !read) return;
  }
  if (failure_) return Finish(Status::Failed(failure_->text()));
  Finish(Status::Exited(exit_->signal ? 128 + exit_->signal : exit_->code));
}

void ExecSession::Finish(const Status& status) {
  if (std::exchange(finished_, true)) return;
  CloseStreams();
  client_->Finish(status);
}

void ExecSession::End(std::string_view why) {
  if (pid_ != 0) KillAll(exec_.cgroup_v2, pidfd_);
  Finish(Status::Failed(why));
}

void ExecSession::CloseStreams() {
  if (input_) input_->Close();
  terminal_ = FdRef();
  for (Output& output : outputs_) {
    output.watch.Reset();
    output.fd.Reset();
  }
}

void ExecSession::OnGone(std::string_view why) {
  gone_ = true;
  if (!finished_ && !why.empty()) log::Warning(Cat("exec session: ", why));
  CloseStreams();
  if (pid_ == 0 && (!exit_ || nobody_left_ || finished_)) return CleanUp();
  timer_ = services_.loop.RunAt(After(kHangUpTime), [this] { KillLeftBehind(); });
}

void ExecSession::KillLeftBehind() {
  KillAll(exec_.cgroup_v2, pidfd_);
  killed_ = true;
  // The reaper goes on from here; with nobody to reap, what was killed needs a moment to leave the cgroup.
  if (pid_ == 0) timer_ = services_.loop.RunAt(After(kKillTime), [this] { CleanUp(); });
}

// Children that outlive a command whose client has seen its end keep the cgroup: it goes with the container's.
void ExecSession::CleanUp() {
  timer_.Cancel();
  if (!exec_.cgroup_v2.empty()) (void)sys::UnlinkAt(kCwd, exec_.cgroup_v2, AT_REMOVEDIR);
  services_.scratch.Release(0, services_.scratch.size());
  TellOver();
}

// False without a cgroup of its own: then nobody knows.
bool ExecSession::CgroupIsEmpty() const {
  if (exec_.cgroup_v2.empty()) return false;
  auto events = sys::ReadFile(kCwd, Cat(exec_.cgroup_v2, "/cgroup.events"), 4096);
  return events.ok() && events->find("populated 0") != std::string::npos;
}

}  // namespace cradle::shim
