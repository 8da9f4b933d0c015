#include "shim/pod.h"

#include <malloc.h>
#include <sched.h>
#include <signal.h>

#include "base/ids.h"
#include "base/log.h"
#include "base/sys/file.h"

namespace cradle::shim {
namespace {

constexpr seconds kShutdownTime{10};
constexpr milliseconds kGoodbyeTime{250};  // at a shutdown: for clients that were told to go
constexpr seconds kSessionsTime{2};        // and for those that don't read to take what they are told
constexpr size_t kMaxSessions = 1024;

template <class Plan>
Result<Plan> ReadPlan(const Request& request) {
  if (!request.plan.valid()) return InvalidArgument("the request has no plan");
  std::string bytes = TRY(sys::ReadSealedMemfd(request.plan, kMaxPlan));
  return Plan::Decode(bytes);
}

constexpr char kKeptUsers[] = "users", kKeptLogs[] = "logs";

Result<logs::Journal::Parts> JournalFrom(std::vector<UniqueFd> fds) {
  if (fds.size() != 3) return Internal("what pause keeps of the logs is damaged");
  return logs::Journal::Parts{std::move(fds[0]), std::move(fds[1]), std::move(fds[2])};
}

// Whoever of `all` has this process.
template <class Map>
bool TellReaped(const Map& all, const sys::Exit& exit) {
  for (const auto& [key, one] : all) {
    if (one->pid() != exit.pid) continue;
    auto kept = one;
    kept->OnReaped(exit);
    return true;
  }
  return false;
}

}  // namespace

Result<logs::LogThread*> Services::Log() {
  if (log) return log.get();
  auto started = TRY(logs::LogThread::Start(loop, TRY(logs::Journal::Make())));
  const logs::Journal::Parts& parts = started->parts();
  TRYV(keep.Put(kKeptLogs, "", {parts.memory, parts.pipe_out, parts.pipe_in}));
  log = std::move(started);
  return log.get();
}

void Pod::Handle(Request request) {
  TrimLater();
  if (auto done = Dispatch(request); !done.ok()) services_.server.Fail(request.from, done.error());
}

// An error is answered by the caller; otherwise the answer was given, or comes later.
Result<> Pod::Dispatch(Request& request) {
  switch (request.kind) {
    case Kind::kHello: Hello(request.from); return {};
    case Kind::kPause: return StartPause(request);
    case Kind::kTakeOver: return TakeOver(request);
    case Kind::kCreate: return Create(request);
    case Kind::kStart: TRY(Find(request.container))->Start(request.from); return {};
    case Kind::kList: List(request.from); return {};
    case Kind::kPidfd: return TellPidfd(request);
    case Kind::kReopenLog: TRY(Find(request.container))->ReopenLog(request.from); return {};
    case Kind::kExec: return StartExec(request);
    case Kind::kEndExec: EndExec(request); return {};
    case Kind::kStream: return StartSession(request);
    case Kind::kResize:
      TRY(Find(request.container))->Resize(request.from, request.width, request.height);
      return {};
    case Kind::kDelete: TRY(Find(request.container))->Delete(request.from); return {};
    case Kind::kShutdown: Shutdown(request.from); return {};
    default: break;
  }
  return Error(Code::kUnimplemented,
               Cat("unknown request ", std::to_string(static_cast<uint64_t>(request.kind))));
}

Result<std::shared_ptr<Container>> Pod::Find(const std::string& id) {
  auto found = containers_.find(id);
  if (found == containers_.end()) return NotFound(Cat("the pod has no container ", id));
  return found->second;
}

void Pod::Hello(ReplyTo to) {
  wire::Writer fields;
  fields.U64(kVersion, kProtocolVersion);
  fields.U64(kPid, static_cast<uint64_t>(sys::Getpid()));
  bool running = pause_.pid != 0 && !pause_.to.valid();
  fields.U64(kPausePid, running ? static_cast<uint64_t>(pause_.pid) : 0);
  std::vector<FdRef> fds;
  if (running) fds.push_back(pause_.pidfd);
  services_.server.Answer(to, std::move(fields), fds);
  std::vector<std::string> exits;
  for (const auto& [id, container] : containers_) {
    if (container->state() != Container::State::kExited) continue;
    wire::Writer event;
    event.U64(kKind, static_cast<uint64_t>(Kind::kExited));
    container->AppendExit(event);
    exits.push_back(event.Take());
  }
  services_.server.Subscribe(to, exits);
}

Result<> Pod::StartPause(Request& request) {
  if (pause_.pid != 0) return Error(Code::kAlreadyExists, "the pod's pause runs already");
  if (shutting_down_) return FailedPrecondition("the pod is being shut down");
  auto plan = TRY(ReadPlan<container::PausePlan>(request));
  services_.keep = TRY(Keep::Make());
  Launched launched =
      TRY(LaunchPause(plan, services_.pause_program, services_.keep.in(), services_.keep.out()));
  pause_.pid = launched.pid;
  pause_.pidfd = std::move(launched.pidfd);
  pause_.user_namespace = std::move(launched.user_namespace);
  pause_.report = std::move(launched.report);
  pause_.failure.reset();
  pause_.to = request.from;
  auto prepare = [&]() -> Result<> {
    if (pause_.user_namespace.valid()) TRYV(services_.keep.Put(kKeptUsers, "", {pause_.user_namespace}));
    pause_.reporting = TRY(services_.loop.Add(pause_.report, EPOLLIN, [this](uint32_t) { OnPauseReport(); }));
    return {};
  };
  if (auto prepared = prepare(); !prepared.ok()) {
    pause_.failure = std::move(prepared.error());
    (void)sys::PidfdSendSignal(pause_.pidfd, SIGKILL);
  }
  return {};
}

Result<> Pod::TakeOver(Request& request) {
  if (pause_.pid != 0) return Error(Code::kAlreadyExists, "the pod's pause runs already");
  if (!request.plan.valid() || request.pid <= 0) return InvalidArgument("the request has no pause");
  services_.keep = TRY(Keep::TakeFrom(request.plan));
  auto kept = TRY(services_.keep.Look());
  if (auto& users = kept[kKeptUsers].fds; !users.empty()) pause_.user_namespace = std::move(users.front());
  pause_.pid = request.pid;
  pause_.pidfd = std::move(request.plan);
  pause_.ending = TRY(services_.loop.Add(pause_.pidfd, EPOLLIN, [this](uint32_t) {
    OnPauseReaped();
    QuitWhenEmpty();
  }));
  TRYV(ResumeContainers(std::move(kept)));
  services_.server.Answer(request.from);
  return {};
}

// First the one of whose log a batch is under way: nothing is read before that is written.
Result<> Pod::ResumeContainers(std::map<std::string, Keep::Item> kept) {
  auto logs = kept.find(kKeptLogs);
  if (logs == kept.end()) return {};  // none was ever started
  services_.log = TRY(logs::LogThread::Start(services_.loop, TRY(JournalFrom(std::move(logs->second.fds)))));
  auto begun = services_.log->begun();
  bool writing = false;
  std::vector<std::pair<std::string, Kept>> running;
  for (auto& [name, item] : kept) {
    if (!IsHexPrefix(name)) continue;
    if (sys::Exists(services_.dir, Cat("exit.", name))) {
      services_.keep.Drop(name);
      services_.keep.Drop(Cat(name, ".in"));
      continue;
    }
    Kept one = TRY(Kept::From(std::move(item)));
    bool first = begun && begun->slot == one.log_slot;
    writing |= first;
    running.emplace(first ? running.begin() : running.end(), name, std::move(one));
  }
  if (begun && !writing) services_.log->ForgetBegun();
  for (auto& [id, one] : running) {
    auto& in = kept[Cat(id, ".in")].fds;
    containers_[id] = TRY(Container::Resume(services_, HooksOf(), id, std::move(one),
                                            in.empty() ? UniqueFd() : std::move(in.front())));
  }
  return {};
}

void Pod::OnPauseReport() {
  while (pause_.report.valid()) {
    Report report = ReadReport(pause_.report);
    if (report.kind == Report::Kind::kNothingYet) return;
    if (report.kind == Report::Kind::kReady) continue;
    pause_.reporting.Reset();
    pause_.report.Reset();
    if (report.kind == Report::Kind::kFailed) {
      pause_.failure = std::move(report.error);
      return;  // answered when it is reaped
    }
    if (sys::PidfdExited(pause_.pidfd)) return;  // killed before its exec
    wire::Writer fields;
    fields.U64(kPausePid, static_cast<uint64_t>(pause_.pid));
    services_.server.Answer(std::exchange(pause_.to, {}), std::move(fields), {pause_.pidfd});
  }
}

void Pod::OnPauseReaped() {
  OnPauseReport();
  if (pause_.to.valid())
    services_.server.Fail(pause_.to, pause_.failure ? *pause_.failure : Internal("pause died at its start"));
  else if (!shutting_down_)
    TellPauseEnded();
  pause_ = Pause();
}

void Pod::TellPauseEnded() {
  log::Warning("pause has ended");
  wire::Writer event;
  event.U64(kKind, static_cast<uint64_t>(Kind::kPauseEnded));
  services_.server.Publish(event.bytes());
}

Result<> Pod::Create(Request& request) {
  auto plan = TRY(ReadPlan<container::LaunchPlan>(request));
  if (!IsHexPrefix(plan.container_id)) return InvalidArgument("malformed container id");
  if (shutting_down_) return FailedPrecondition("the pod is being shut down");
  if (containers_.count(plan.container_id))
    return Error(Code::kAlreadyExists, Cat("container ", plan.container_id, " exists"));
  if (pause_.pid == 0) return FailedPrecondition("the pod's pause is not running");
  FdRef target;
  if (plan.pid_mode == container::PidMode::kTarget) {
    target = TRY(Find(plan.pid_target))->pidfd();
    if (!target.valid()) return FailedPrecondition(Cat("container ", plan.pid_target, " is not running"));
  }
  containers_[plan.container_id] = TRY(Container::Launch(services_, HooksOf(), plan,
                                                         Infra{pause_.pid, pause_.pidfd, pause_.user_namespace}, target,
                                                         request.from));
  return {};
}

Container::Hooks Pod::HooksOf() {
  return {[this](Container& container) { OnExited(container); },
          [this](const std::string& id) {
            containers_.erase(id);
            QuitWhenEmpty();
          }};
}

Result<> Pod::StartExec(Request& request) {
  auto plan = TRY(ReadPlan<container::ExecPlan>(request));
  auto container = TRY(Find(plan.container_id));
  bool alive = container->state() == Container::State::kRunning || container->state() == Container::State::kCreated;
  if (!alive || shutting_down_) return FailedPrecondition(Cat("container ", plan.container_id, " is not running"));
  auto over = [this](pid_t pid) {
    execs_.erase(pid);
    QuitWhenEmpty();
  };
  auto exec = TRY(Exec::Launch(services_, plan, container->pidfd(), request.from, over));
  execs_[exec->pid()] = exec;
  return {};
}

void Pod::EndExec(const Request& request) {
  for (const auto& [pid, exec] : execs_)
    if (exec->Answers({request.from.connection, request.of})) exec->Kill();
  services_.server.Answer(request.from);
}

// The client must not learn of a session that the daemon is told has failed: what can fail comes first.
Result<> Pod::StartSession(Request& request) {
  auto plan = TRY(ReadPlan<streaming::SessionPlan>(request));
  if (!request.socket.valid()) return InvalidArgument("the request has no socket");
  if (shutting_down_ || pause_.pid == 0) return FailedPrecondition("the pod is not running");
  if (sessions_.size() >= kMaxSessions) return Error(Code::kResourceExhausted, "the pod has too many sessions");
  std::shared_ptr<Container> container;
  if (plan.kind != streaming::Kind::kPortForward) {
    container = TRY(Find(plan.container));
    if (container->state() != Container::State::kRunning)
      return FailedPrecondition(Cat("container ", plan.container, " is not running"));
  }
  auto over = [this](Session* session) {
    sessions_.erase(session);
    TrimLater();
    QuitWhenEmpty();
  };
  auto session = TRY(MakeSession(services_, std::move(plan), std::move(container), pause_.pidfd,
                                 std::move(request.socket), std::move(over)));
  sessions_[session.get()] = session;
  services_.server.Answer(request.from);
  return {};
}

void Pod::List(ReplyTo to) {
  wire::Writer fields;
  for (const auto& [id, container] : containers_)
    if (container->state() != Container::State::kCreating) fields.Sub(kItem, container->Item());
  services_.server.Answer(to, std::move(fields));
}

Result<> Pod::TellPidfd(Request& request) {
  auto container = TRY(Find(request.container));
  if (container->pid() == 0) return NotFound(Cat("container ", request.container, " has ended"));
  wire::Writer fields;
  fields.U64(kPid, static_cast<uint64_t>(container->pid()));
  services_.server.Answer(request.from, std::move(fields), {container->pidfd()});
  return {};
}

void Pod::Shutdown(ReplyTo to) {
  shutting_down_ = true;
  shutdown_ = to;
  for (const auto& [pid, exec] : execs_) exec->Kill();
  for (const auto& [id, container] : containers_)
    if (container->pid() != 0) container->Kill();
  if (pause_.pid != 0) (void)sys::PidfdSendSignal(pause_.pidfd, SIGKILL);
  for (const auto& [raw, session] : sessions_) session->End("the pod is being stopped");
  goodbye_timer_ = services_.loop.RunAt(After(kGoodbyeTime), [this] {
    std::erase_if(sessions_, [](const auto& entry) { return entry.second->all_sent(); });
    QuitWhenEmpty();
  });
  sessions_timer_ = services_.loop.RunAt(After(kSessionsTime), [this] {
    sessions_.clear();
    QuitWhenEmpty();
  });
  // Who doesn't die by then can't: the caller is told, and the shim stays to reap it.
  shutdown_timer_ = services_.loop.RunAt(After(kShutdownTime), [this] {
    services_.server.Fail(std::exchange(shutdown_, {}),
                          Error(Code::kDeadlineExceeded, "processes of the pod don't die"));
  });
  QuitWhenEmpty();
}

void Pod::QuitWhenEmpty() {
  if (!shutting_down_ || pause_.pid != 0 || !execs_.empty() || !sessions_.empty()) return;
  for (const auto& [id, container] : containers_)
    if (container->state() != Container::State::kExited) return;
  services_.server.Answer(shutdown_);
  quit_();
}

void Pod::Reap() {
  for (;;) {
    auto exit = sys::ReapAny();
    if (!exit.ok() || exit->pid == 0) return;
    OnReaped(*exit);
    TrimLater();
  }
}

void Pod::OnReaped(const sys::Exit& exit) {
  if (exit.pid == pause_.pid) {
    OnPauseReaped();
  } else if (auto exec = execs_.find(exit.pid); exec != execs_.end()) {
    auto kept = exec->second;
    kept->OnReaped(exit);
  } else {
    TellReaped(containers_, exit) || TellReaped(sessions_, exit);
  }
  QuitWhenEmpty();
}

void Pod::OnExited(Container& container) {
  wire::Writer event;
  event.U64(kKind, static_cast<uint64_t>(Kind::kExited));
  container.AppendExit(event);
  services_.server.Publish(event.bytes());
  QuitWhenEmpty();
}

// A second after the last request the heap's free pages go back to the kernel: one wake-up, then none.
void Pod::TrimLater() {
  trim_ = services_.loop.RunAt(After(seconds(1)), [] { ::malloc_trim(0); });
}

}  // namespace cradle::shim
