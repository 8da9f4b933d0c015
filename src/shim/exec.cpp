#include "shim/exec.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "base/sys/file.h"
#include "base/sys/socket.h"

namespace cradle::shim {
namespace {

constexpr seconds kLeftBehindTime{5};
constexpr int kReadsPerTurn = 4;

}  // namespace

Result<UniqueFd> Capture::Open(uint64_t limit, Relay& relay) {
  left_ = limit;
  memfd_ = TRY(sys::MakeMemfd("exec"));
  Relay::Ends ends = TRY(relay.AddOutput());
  socket_ = std::move(ends.ours);
  watch_ = TRY(services_.loop.Add(socket_, EPOLLIN, [this](uint32_t) { OnReadable(); }));
  return std::move(ends.theirs);
}

// False when there is nothing (more) to read now.
bool Capture::ReadOnce() {
  auto got = sys::Read(socket_, services_.scratch.data(), services_.scratch.size());
  if (!got.ok() && got.error().err() == EAGAIN) return false;
  if (!got.ok() || *got == 0) {
    watch_.Reset();
    socket_.Reset();
    return false;
  }
  uint64_t kept = std::min<uint64_t>(left_, *got);
  if (kept > 0 && sys::WriteAll(memfd_, services_.scratch.data(), kept).ok())
    left_ -= kept;
  else
    left_ = 0;
  return true;
}

void Capture::OnReadable() {
  for (int i = 0; i < kReadsPerTurn && ReadOnce(); ++i) {
  }
  if (!ended()) return;
  auto told = ended_;  // the call may end this object
  told();
}

FdRef Capture::Seal() {
  watch_.Reset();
  socket_.Reset();
  (void)sys::SealMemfd(memfd_);
  return memfd_;
}

Exec::Exec(Services& services, const container::ExecPlan& plan, ReplyTo to,
           std::function<void(pid_t)> over)
    : services_(services),
      cgroup_v2_(plan.cgroup_v2),
      over_(std::move(over)),
      to_(to),
      out_(services, [this] { AnswerWhenEnded(); }),
      err_(services, [this] { AnswerWhenEnded(); }) {}

Result<std::shared_ptr<Exec>> Exec::Launch(Services& services, const container::ExecPlan& plan,
                                           FdRef init, ReplyTo to, std::function<void(pid_t)> over) {
  std::shared_ptr<Exec> self(new Exec(services, plan, to, std::move(over)));
  Stdio stdio;
  Relay relay;
  stdio.out = TRY(self->out_.Open(plan.output_limit, relay));
  stdio.err = TRY(self->err_.Open(plan.output_limit, relay));
  if (!plan.input.empty()) stdio.in = TRY(sys::SealedMemfd("stdin", plan.input));
  Launched launched = TRY(LaunchExec(plan, init, std::move(stdio)));
  self->pid_ = launched.pid;
  self->pidfd_ = std::move(launched.pidfd);
  self->report_ = std::move(launched.report);
  auto watch = [&]() -> Result<> {
    TRYV(relay.Start());
    self->reporting_ = TRY(services.loop.Add(self->report_, EPOLLIN, [raw = self.get()](uint32_t) { raw->OnReport(); }));
    return {};
  };
  if (auto watched = watch(); !watched.ok()) {
    self->Kill();
    return std::move(watched.error());
  }
  if (plan.timeout_ms > 0) {
    // Whole days are as good as for ever, and can't overflow a time.
    milliseconds timeout(std::min<uint64_t>(plan.timeout_ms, 1'000'000'000'000));
    self->timeout_ = services.loop.RunAt(After(timeout), [raw = self.get()] { raw->OnTimeout(); });
  }
  return self;
}

void Exec::OnReport() {
  while (report_.valid()) {
    Report report = ReadReport(report_);
    if (report.kind == Report::Kind::kNothingYet) return;
    if (report.kind == Report::Kind::kReady) continue;
    if (report.kind == Report::Kind::kFailed) failure_ = std::move(report.error);
    reporting_.Reset();
    report_.Reset();
  }
}

void Exec::OnTimeout() {
  auto self = shared_from_this();
  timed_out_ = true;
  Kill();
  // What can't die must not hold the answer.
  grace_ = services_.loop.RunAt(After(kLeftBehindTime), [this] { Answer(); });
  AnswerWhenEnded();
}

void Exec::OnReaped(const sys::Exit& exit) {
  OnReport();
  exit_ = exit;
  pidfd_.Reset();
  if (answered_) return over_(pid_);
  if (failure_) return Answer();
  if (!timed_out_)
    grace_ = services_.loop.RunAt(After(kLeftBehindTime), [this] { Answer(); });
  AnswerWhenEnded();
}

void Exec::AnswerWhenEnded() {
  if (exit_ && out_.ended() && err_.ended()) Answer();
}

void Exec::Answer() {
  if (answered_) return;
  auto self = shared_from_this();
  answered_ = true;
  timeout_.Cancel();
  grace_.Cancel();
  // Before the answer: who gets it may remove the cgroup's parent. A child left behind keeps it.
  if (!cgroup_v2_.empty()) (void)sys::UnlinkAt(kCwd, cgroup_v2_, AT_REMOVEDIR);
  if (failure_) {
    services_.server.Fail(to_, *failure_);
  } else {
    wire::Writer fields;
    int code = !exit_ ? 137 : exit_->signal ? 128 + exit_->signal : exit_->code;
    fields.U64(kExitCode, static_cast<uint64_t>(code));
    fields.Bool(kTimedOut, timed_out_);
    services_.server.Answer(to_, std::move(fields), {out_.Seal(), err_.Seal()});
  }
  services_.scratch.Release(0, services_.scratch.size());
  if (exit_) over_(pid_);
}

}  // namespace cradle::shim
