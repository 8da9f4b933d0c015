#include "shim/container.h"

#include <fcntl.h>
#include <signal.h>

#include "base/log.h"
#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "shim/relay.h"

namespace cradle::shim {
namespace {

constexpr milliseconds kPipeGrace{500};  // for holders of the pipes that the kill doesn't reach
constexpr seconds kDrainTime{5};         // for a log thread that sleeps in its file system

// A pipe's writing end, opened once more for reading too: the container holds a reader of its own pipe, so a shim that
// dies leaves it without SIGPIPE.
Result<UniqueFd> ReadWriteEnd(FdRef write_end) {
  return sys::OpenAt(kCwd, Cat("/proc/self/fd/", std::to_string(write_end.get())), O_RDWR);
}

std::string InputName(const std::string& id) { return Cat(id, ".in"); }

std::string EncodeUser(const container::ResolvedUser& user) {
  wire::Writer out;
  out.U64(kUid, user.uid);
  out.U64(kGid, user.gid);
  for (uint32_t group : user.groups) out.U64(kGroup, group);
  return out.Take();
}

ContainerState Told(Container::State state) {
  switch (state) {
    case Container::State::kRunning:
    case Container::State::kEnding: return ContainerState::kRunning;
    case Container::State::kExited: return ContainerState::kExited;
    default: return ContainerState::kCreated;
  }
}

}  // namespace

void KillAll(const std::string& cgroup_v2, FdRef pidfd) {
  if (!cgroup_v2.empty()) (void)sys::WriteControl(kCwd, Cat(cgroup_v2, "/cgroup.kill"), "1");
  if (pidfd.valid()) (void)sys::PidfdSendSignal(pidfd, SIGKILL);
}

// Before the exec the first process is all there is. The whole group isn't killed then, as long as a clone into it may
// be tried again: Linux 6.18 kills what is cloned into a group that was killed before (it compares the group's count of
// kills with that of the cloning process's group).
void Container::Kill() {
  bool execed = state_ == State::kRunning || state_ == State::kEnding;
  KillAll(execed ? cgroup_v2_ : std::string(), pidfd_);
}

Container::Container(Services& services, Hooks hooks, const container::LaunchPlan& plan, ReplyTo to)
    : services_(services),
      hooks_(std::move(hooks)),
      id_(plan.container_id),
      cgroup_v2_(plan.cgroup_v2),
      log_path_(plan.log_path),
      keep_stdin_(plan.keep_stdin),
      stdin_once_(plan.stdin_once),
      kept_(std::make_unique<Kept>()),
      create_reply_(to) {
  kept_->cgroup_v2 = plan.cgroup_v2;
  kept_->log_path = plan.log_path;
  kept_->oom_file = plan.oom_file;
  kept_->oom_below = plan.oom_below;
  kept_->keep_stdin = plan.keep_stdin;
  kept_->stdin_once = plan.stdin_once;
  kept_->view_places = plan.view_places;
}

Container::Container(Services& services, Hooks hooks, const std::string& id, const Kept& kept)
    : services_(services),
      hooks_(std::move(hooks)),
      id_(id),
      cgroup_v2_(kept.cgroup_v2),
      log_path_(kept.log_path),
      state_(State::kRunning),
      pid_(kept.pid),
      keep_stdin_(kept.keep_stdin),
      stdin_once_(kept.stdin_once),
      user_(kept.user),
      started_at_(kept.started_at) {}

Result<std::shared_ptr<Container>> Container::Launch(Services& services, Hooks hooks,
                                                     const container::LaunchPlan& plan, const Infra& pause,
                                                     FdRef target, ReplyTo to) {
  std::shared_ptr<Container> self(new Container(services, std::move(hooks), plan, to));
  self->oom_counter_ = TRY(OomCounter::Open(plan.oom_file, plan.oom_below));
  self->kept_->oom_baseline = self->oom_counter_.baseline();
  Stdio stdio;
  if (!plan.process.terminal) stdio = TRY(self->MakePipes(plan.keep_stdin));
  if (!plan.view_places.empty())
    self->views_ = TRY(Views::Open({services.loop, services.scratch}, plan.container_id, plan.mount_label,
                                   plan.view_places));
  FdRef mount = self->views_ ? self->views_->mount() : FdRef();
  Launched launched = TRY(LaunchContainer(plan, pause, target, std::move(stdio), mount));
  if (self->views_) self->views_->CloseMount();
  self->pid_ = launched.pid;
  self->pidfd_ = std::move(launched.pidfd);
  self->report_ = std::move(launched.report);
  self->gate_ = std::move(launched.gate);
  auto watch = services.loop.Add(self->report_, EPOLLIN, [raw = self.get()](uint32_t) { raw->OnReport(); });
  if (!watch.ok()) {
    self->Kill();
    return std::move(watch.error());
  }
  self->reporting_ = std::move(*watch);
  return self;
}

Result<std::shared_ptr<Container>> Container::Resume(Services& services, Hooks hooks, const std::string& id, Kept kept,
                                                     UniqueFd in) {
  std::shared_ptr<Container> self(new Container(services, std::move(hooks), id, kept));
  // Of a group that is gone nothing is counted.
  if (auto counter = OomCounter::OpenAt(kept.oom_file, kept.oom_below, kept.oom_baseline); counter.ok())
    self->oom_counter_ = std::move(*counter);
  if (kept.views.valid())
    self->views_ = TRY(Views::Resume({services.loop, services.scratch}, std::move(kept.views), kept.view_places));
  self->pidfd_ = std::move(kept.pidfd);
  TRYV(self->ResumeStreams(std::move(kept), std::move(in)));
  self->ending_ = TRY(services.loop.Add(self->pidfd_, EPOLLIN, [raw = self.get()](uint32_t) { raw->OnEnded(); }));
  return self;
}

Result<> Container::ResumeStreams(Kept kept, UniqueFd in) {
  if (kept.terminal.valid())
    TRYV(TakeTerminal(std::move(kept.terminal)));
  else
    pump_ = std::make_shared<logs::Pump>(std::move(kept.out), std::move(kept.err));
  pump_->SetSlot(kept.log_slot);
  stdin_ = std::move(in);
  logs::LogThread* log = TRY(services_.Log());
  log_used_ = true;
  log->Open(pump_, log_path_, [id = id_](const Result<>& opened) {
    if (!opened.ok()) log::Warning(Cat("container ", id, ": its output is dropped: ", opened.error().text()));
  });
  return {};
}

Result<Stdio> Container::MakePipes(bool keep_stdin) {
  sys::Pipe out = TRY(sys::MakePipe());
  sys::Pipe err = TRY(sys::MakePipe());
  Stdio stdio;
  stdio.out = TRY(ReadWriteEnd(out.write));
  stdio.err = TRY(ReadWriteEnd(err.write));
  if (keep_stdin) {  // else its init takes the container's own /dev/null
    sys::Pipe in = TRY(sys::MakePipe());
    stdio.in = std::move(in.read);
    TRYV(sys::SetNonblocking(in.write, true));
    stdin_ = std::move(in.write);
  }
  TRYV(sys::SetNonblocking(out.read, true));
  TRYV(sys::SetNonblocking(err.read, true));
  kept_->out = TRY(sys::Dup(out.read));
  kept_->err = TRY(sys::Dup(err.read));
  pump_ = std::make_shared<logs::Pump>(std::move(out.read), std::move(err.read));
  return stdio;
}

void Container::OnReport() {
  while (report_.valid()) {
    Report report = ReadReport(report_);
    switch (report.kind) {
      case Report::Kind::kNothingYet: return;
      case Report::Kind::kBorn:
        pid_ = report.pid;
        pidfd_ = std::move(report.pidfd);
        break;
      case Report::Kind::kReady: BecomeReady(std::move(report)); break;
      case Report::Kind::kFailed:
        failure_ = std::move(report.error);
        [[fallthrough]];
      case Report::Kind::kExeced:
        reporting_.Reset();
        report_.Reset();
        OnEndOfReport();
        break;
    }
  }
}

void Container::BecomeReady(Report report) {
  if (report.terminal.valid()) {
    if (auto taken = TakeTerminal(std::move(report.terminal)); !taken.ok()) {
      failure_ = std::move(taken.error());
      return Kill();
    }
  }
  user_ = std::move(report.user);
  state_ = State::kCreated;
  wire::Writer fields;
  fields.U64(kPid, static_cast<uint64_t>(pid_));
  fields.Sub(kUser, EncodeUser(user_));
  services_.server.Answer(std::exchange(create_reply_, {}), std::move(fields), {pidfd_});
}

Result<> Container::TakeTerminal(UniqueFd master) {
  UniqueFd peer = TRY(sys::OpenTerminalPeer(master));
  terminal_ = TRY(sys::Dup(master));
  TRYV(sys::SetNonblocking(master, true));
  pump_ = std::make_shared<logs::Pump>(logs::Pump::Terminal{std::move(master), std::move(peer)});
  return {};
}

// What isn't kept would be lost with this shim, and the container with it: then it must not run.
Result<> Container::KeepRunning() {
  auto kept = std::exchange(kept_, nullptr);
  kept->pid = pid_;
  kept->user = user_;
  kept->started_at = started_at_;
  kept->log_slot = pump_->slot().value_or(0);
  kept->pidfd = TRY(sys::Dup(pidfd_));
  if (terminal_.valid()) kept->terminal = TRY(sys::Dup(terminal_));
  if (views_ && views_->connection().valid()) kept->views = TRY(sys::Dup(views_->connection()));
  services_.keep.Drop(InputName(id_));  // of a predecessor that died here
  if (stdin_.valid()) TRYV(services_.keep.Put(InputName(id_), "", {stdin_}));
  return kept->Put(services_.keep, id_);
}

// The child has execed, failed, or died before either: its end of the report is closed.
void Container::OnEndOfReport() {
  if (state_ == State::kStarting && !failure_) {
    state_ = State::kRunning;
    started_at_ = WallNanos();
    if (auto kept = KeepRunning(); !kept.ok()) {
      Kill();
      return services_.server.Fail(std::exchange(start_reply_, {}), kept.error());
    }
    wire::Writer fields;
    fields.I64(kStartedAt, started_at_);
    return services_.server.Answer(std::exchange(start_reply_, {}), std::move(fields));
  }
  if (!failure_) failure_ = Internal("the container's init died before it was done");
  Kill();  // and the reaper tells the rest
}

void Container::Start(ReplyTo to) {
  if (state_ != State::kCreated || start_reply_.valid())
    return services_.server.Fail(to, FailedPrecondition(Cat("container ", id_, " was started before")));
  auto log = services_.Log();
  if (!log.ok()) return services_.server.Fail(to, log.error());
  start_reply_ = to;
  log_used_ = true;
  (*log)->Open(pump_, log_path_, [weak = weak_from_this()](Result<> opened) {
    if (auto self = weak.lock()) self->OnLogOpened(std::move(opened));
  });
}

void Container::OnLogOpened(Result<> opened) {
  if (state_ != State::kCreated) return;  // it died meanwhile
  if (!opened.ok()) {
    log_used_ = false;
    return services_.server.Fail(std::exchange(start_reply_, {}),
                                 std::move(opened.error()).With("container log"));
  }
  state_ = State::kStarting;
  (void)sys::Write(gate_, "g", 1);  // one that died is reaped, and Start answered then
  gate_.Reset();
}

void Container::ReopenLog(ReplyTo to) {
  if (state_ != State::kRunning)
    return services_.server.Fail(to, FailedPrecondition(Cat("container ", id_, " is not running")));
  services_.log->Reopen(pump_, [&server = services_.server, to](Result<> reopened) {
    reopened.ok() ? server.Answer(to) : server.Fail(to, reopened.error());
  });
}

void Container::Resize(ReplyTo to, uint16_t width, uint16_t height) {
  if (!terminal_.valid())
    return services_.server.Fail(to, FailedPrecondition(Cat("container ", id_, " has no terminal")));
  auto resized = sys::SetWindowSize(terminal_, width, height);
  resized.ok() ? services_.server.Answer(to) : services_.server.Fail(to, resized.error());
}

Result<UniqueFd> Container::RelayInput() const {
  Relay relay;
  UniqueFd ours = TRY(relay.AddInputTo(TRY(sys::Dup(stdin_))));
  TRYV(relay.Start());
  return ours;
}

std::shared_ptr<streaming::Sink> Container::Input() {
  if (input_ || state_ != State::kRunning || !keep_stdin_) return input_;
  if (terminal_.valid()) {
    auto copy = sys::Dup(terminal_);
    if (copy.ok()) input_ = std::make_shared<streaming::Sink>(services_.loop, std::move(*copy));
  } else if (stdin_.valid()) {
    if (auto ours = RelayInput(); ours.ok()) {
      input_ = std::make_shared<streaming::Sink>(services_.loop, std::move(*ours));
      stdin_.Reset();
    }
  }
  return input_;
}

void Container::EndInput() {
  services_.keep.Drop(InputName(id_));
  if (input_) input_->End();
}

void Container::SetWindowSize(uint16_t width, uint16_t height) {
  if (terminal_.valid()) (void)sys::SetWindowSize(terminal_, width, height);
}

void Container::AddTap(std::shared_ptr<logs::Tap> tap) {
  if (pump_ && services_.log)
    services_.log->AddTap(pump_, std::move(tap));
  else
    tap->End();
}

void Container::RemoveTap(std::shared_ptr<logs::Tap> tap) {
  if (pump_ && services_.log) services_.log->RemoveTap(pump_, std::move(tap));
}

void Container::Delete(ReplyTo to) {
  if (state_ == State::kRunning)
    return services_.server.Fail(to, FailedPrecondition(Cat("container ", id_, " is running")));
  if (delete_reply_.valid())
    return services_.server.Fail(to, FailedPrecondition(Cat("container ", id_, " is being deleted")));
  if (state_ != State::kExited) {
    delete_reply_ = to;
    return Kill();
  }
  (void)sys::UnlinkAt(services_.dir, Cat("exit.", id_), 0);
  Server& server = services_.server;
  hooks_.gone(id_);
  server.Answer(to);
}

void Container::OnEnded() {
  ending_.Reset();
  auto ended = sys::ExitOf(pidfd_, pid_);
  exit_.unknown = !ended.ok();
  OnReaped(ended.ok() ? *ended : sys::Exit{pid_, 255, 0});
}

void Container::OnReaped(const sys::Exit& exit) {
  OnReport();  // what it said before it died
  if (exit.pid != pid_) return;  // another one has taken its place
  pid_ = 0;
  exit_.finished_at = WallNanos();
  exit_.signal = exit.signal;
  exit_.exit_code = exit.signal ? 128 + exit.signal : exit.code;
  exit_.start_failed = state_ != State::kRunning;
  if (state_ == State::kStarting) exit_.exit_code = 128;
  // Its companions have lost their first process; in a shared pid namespace nobody else ends them.
  if (state_ == State::kRunning) KillAll(cgroup_v2_, {});
  pidfd_.Reset();
  gate_.Reset();
  stdin_.Reset();
  kept_.reset();
  if (input_) input_->Close();
  if (state_ == State::kCreating) {
    Server& server = services_.server;
    ReplyTo create = create_reply_, deleted = delete_reply_;
    Error error = failure_ ? std::move(*failure_) : Internal("the container's init died");
    hooks_.gone(std::string(id_));
    server.Fail(create, error);
    if (deleted.valid()) server.Answer(deleted);
    return;
  }
  state_ = State::kEnding;
  if (!log_used_) return End();
  auto self = weak_from_this();
  drain_timer_ = services_.loop.RunAt(After(kDrainTime), [self] {
    if (auto container = self.lock()) {
      log::Warning(Cat("container ", container->id_, ": its log is still not written; going on"));
      container->End();
    }
  });
  services_.log->Finish(pump_, kPipeGrace, [self](uint64_t lost) {
    if (auto container = self.lock()) container->OnDrained(lost);
  });
}

void Container::OnDrained(uint64_t lost) {
  if (state_ != State::kEnding) return;
  exit_.log_dropped = lost;
  End();
}

void Container::End() {
  drain_timer_.Cancel();
  pump_.reset();
  terminal_.Reset();
  views_.reset();
  exit_.oom_killed = oom_counter_.Rose();
  oom_counter_ = {};
  state_ = State::kExited;
  WriteExitFile();
  services_.keep.Drop(id_);
  services_.keep.Drop(InputName(id_));
  if (start_reply_.valid()) {
    Error error = failure_ ? *failure_ : Internal("the container died before it was started");
    services_.server.Fail(std::exchange(start_reply_, {}), error);
  }
  hooks_.exited(*this);
  if (delete_reply_.valid()) Delete(std::exchange(delete_reply_, {}));
}

void Container::WriteExitFile() {
  wire::Writer fields;
  AppendExit(fields);
  auto written = sys::ReplaceFile(services_.dir, Cat("exit.", id_), fields.bytes(), 0600);
  if (!written.ok()) log::Fail(std::move(written.error()).With("write exit file").text());
}

void Container::AppendExit(wire::Writer& out) const {
  out.Str(kContainer, id_);
  out.U64(kExitCode, static_cast<uint64_t>(exit_.exit_code));
  out.U64(kSignal, static_cast<uint64_t>(exit_.signal));
  out.Bool(kOomKilled, exit_.oom_killed);
  out.I64(kStartedAt, started_at_);
  out.I64(kFinishedAt, exit_.finished_at);
  out.Bool(kStartFailed, exit_.start_failed);
  out.Bool(kUnknown, exit_.unknown);
  if (exit_.log_dropped) out.U64(kLogDropped, exit_.log_dropped);
}

std::string Container::Item() const {
  wire::Writer out;
  if (state_ == State::kExited) {
    AppendExit(out);
  } else {
    out.Str(kContainer, id_);
    out.I64(kStartedAt, started_at_);
  }
  out.U64(kState, static_cast<uint64_t>(Told(state_)));
  out.U64(kPid, static_cast<uint64_t>(pid_));
  out.Sub(kUser, EncodeUser(user_));
  return out.Take();
}

}  // namespace cradle::shim
