#include "shim/client.h"

#include <sys/socket.h>

#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

#include "base/sys/file.h"
#include "base/wire.h"
#include "shim/client_loop.h"
#include "shim/decode.h"

namespace cradle::shim {
namespace {

constexpr int kPacketsPerTurn = 16;

const char* NameOf(Kind kind) {
  switch (kind) {
    case Kind::kHello: return "hello";
    case Kind::kPause: return "pause";
    case Kind::kTakeOver: return "take over";
    case Kind::kCreate: return "create";
    case Kind::kStart: return "start";
    case Kind::kList: return "list";
    case Kind::kPidfd: return "pidfd";
    case Kind::kReopenLog: return "reopen log";
    case Kind::kExec: return "exec";
    case Kind::kEndExec: return "end exec";
    case Kind::kResize: return "resize";
    case Kind::kDelete: return "delete";
    case Kind::kShutdown: return "shutdown";
    case Kind::kStream: return "stream";
    default: return "request";
  }
}

Error Gone() { return {Code::kUnavailable, "the shim is gone"}; }
Error TooLate(Kind kind) {
  return {Code::kDeadlineExceeded, Cat("the shim did not answer (", NameOf(kind), ") in time")};
}

// Where a caller waits for its answer.
struct Waiter {
  std::mutex mutex;
  std::condition_variable wake;
  std::optional<Result<Packet>> answer;

  void Give(Result<Packet> given) {
    std::lock_guard lock(mutex);
    answer.emplace(std::move(given));
    wake.notify_one();
  }
};

class Client final : public ShimClient, public LoopUser, public std::enable_shared_from_this<Client> {
 public:
  Client(std::shared_ptr<LoopCore> core, Events events)
      : core_(std::move(core)), events_(std::move(events)), wired_(std::make_shared<Wired>()) {}
  ~Client() override;
  Result<> Open(const std::string& socket_path, Deadline deadline);
  void OnLoopEnded() override { EndAll(); }

  pid_t shim_pid() const override { return shim_pid_; }
  PauseStarted TakePause() override { return std::exchange(pause_, {}); }
  Result<PauseStarted> Pause(const container::PausePlan& plan, Deadline deadline) override;
  Result<> TakeOver(const PauseStarted& pause, Deadline deadline) override;
  Result<Created> Create(const container::LaunchPlan& plan, Deadline deadline) override;
  Result<int64_t> Start(const std::string& container, Deadline deadline) override;
  Result<std::vector<Listed>> List(Deadline deadline) override;
  Result<UniqueFd> ContainerPidfd(const std::string& container, Deadline deadline) override;
  Result<> ReopenLog(const std::string& container, Deadline deadline) override;
  Result<> Resize(const std::string& container, uint16_t width, uint16_t height,
                  Deadline deadline) override;
  Result<> Delete(const std::string& container, Deadline deadline) override;
  Result<> Shutdown(Deadline deadline) override;
  Result<> Stream(const streaming::SessionPlan& plan, FdRef socket, Deadline deadline) override;
  void Exec(const container::ExecPlan& plan, Deadline deadline, std::stop_token stop,
            std::function<void(Result<ExecResult>)> done) override;

 private:
  using Done = std::function<void(Result<Packet>)>;
  // What belongs to the loop's thread once it is watched. It is dropped there too.
  struct Wired {
    UniqueFd socket;
    EventLoop::Watch watch;
  };

  Result<Packet> Call(Kind kind, wire::Writer fields, std::vector<FdRef> fds, Deadline deadline);
  Result<Packet> CallFor(Kind kind, const std::string& container, Deadline deadline);
  Result<uint64_t> Register(Done done);
  Result<> Send(Kind kind, uint64_t seq, const wire::Writer& fields, const std::vector<FdRef>& fds, Deadline deadline);
  void Resolve(uint64_t seq, Result<Packet> answer);
  void EndExec(uint64_t of);
  void OnReadable();
  void OnPacket(Packet packet);
  void EndAll();

  const std::shared_ptr<LoopCore> core_;
  const Events events_;
  const std::shared_ptr<Wired> wired_;
  pid_t shim_pid_ = 0;
  PauseStarted pause_;
  std::mutex mutex_;
  bool lost_ = false;
  uint64_t next_seq_ = 1;
  std::map<uint64_t, Done> pending_;
};

Client::~Client() {
  {
    std::lock_guard lock(core_->mutex);
    core_->users.erase(this);
  }
  EndAll();
  core_->events->Post([wired = wired_] { wired->watch.Reset(); });
}

Result<> Client::Open(const std::string& socket_path, Deadline deadline) {
  wired_->socket = TRY(sys::ConnectUnix(socket_path, SOCK_SEQPACKET));
  {
    std::lock_guard lock(core_->mutex);
    core_->users[this] = weak_from_this();
  }
  core_->events->Post([this, weak = weak_from_this()] {
    auto self = weak.lock();
    if (!self) return;
    auto watch = core_->events->Add(wired_->socket, EPOLLIN, [this, weak](uint32_t) {
      if (auto alive = weak.lock()) OnReadable();
    });
    if (!watch.ok()) return EndAll();
    wired_->watch = std::move(*watch);
  });
  wire::Writer fields;
  fields.U64(kVersion, kProtocolVersion);
  Packet answer = TRY(Call(Kind::kHello, std::move(fields), {}, deadline));
  HelloReply hello = TRY(DecodeHello(answer.fields));
  shim_pid_ = hello.shim_pid;
  if (hello.pause_pid != 0 && !answer.fds.empty())
    pause_ = {hello.pause_pid, std::move(answer.fds.front())};
  return {};
}

Result<uint64_t> Client::Register(Done done) {
  std::lock_guard lock(mutex_);
  if (lost_) return Gone();
  uint64_t seq = next_seq_++;
  pending_[seq] = std::move(done);
  return seq;
}

Result<> Client::Send(Kind kind, uint64_t seq, const wire::Writer& fields,
                      const std::vector<FdRef>& fds, Deadline deadline) {
  wire::Writer head;
  head.U64(kKind, static_cast<uint64_t>(kind));
  head.U64(kSeq, seq);
  std::string data = head.bytes() + fields.bytes();
  for (;;) {
    auto sent = sys::SendMessage(wired_->socket, data, fds);
    if (sent.ok()) return {};
    if (sent.error().err() != EAGAIN) return Gone();
    // Its queue is full: it doesn't read.
    if (!TRY(sys::PollWritable(wired_->socket, deadline))) return TooLate(kind);
  }
}

// Whoever takes the entry out of the map calls `done`, once.
void Client::Resolve(uint64_t seq, Result<Packet> answer) {
  Done done;
  {
    std::lock_guard lock(mutex_);
    auto found = pending_.find(seq);
    if (found == pending_.end()) return;
    done = std::move(found->second);
    pending_.erase(found);
  }
  done(std::move(answer));
}

Result<Packet> Client::Call(Kind kind, wire::Writer fields, std::vector<FdRef> fds, Deadline deadline) {
  auto waiter = std::make_shared<Waiter>();
  uint64_t seq = TRY(Register([waiter](Result<Packet> answer) { waiter->Give(std::move(answer)); }));
  if (auto sent = Send(kind, seq, fields, fds, deadline); !sent.ok())
    Resolve(seq, std::move(sent.error()));
  std::unique_lock lock(waiter->mutex);
  if (!waiter->wake.wait_until(lock, deadline, [&] { return waiter->answer.has_value(); })) {
    lock.unlock();
    Resolve(seq, TooLate(kind));  // or its answer came just now
    lock.lock();
    waiter->wake.wait(lock, [&] { return waiter->answer.has_value(); });
  }
  Packet answer = TRY(std::move(*waiter->answer));
  TRYV(CheckReply(answer.fields));
  return answer;
}

Result<Packet> Client::CallFor(Kind kind, const std::string& container, Deadline deadline) {
  wire::Writer fields;
  fields.Str(kContainer, container);
  return Call(kind, std::move(fields), {}, deadline);
}

void Client::OnReadable() {
  for (int i = 0; i < kPacketsPerTurn; ++i) {
    auto message = sys::ReceiveMessage(wired_->socket, kMaxPacket);
    if (!message.ok() && message.error().err() == EAGAIN) return;
    bool open = message.ok() && !message->data.empty();
    auto packet = open ? DecodePacket(std::move(*message)) : Result<Packet>(Gone());
    if (!packet.ok()) {
      wired_->watch.Reset();
      EndAll();
      if (events_.lost) events_.lost();
      return;
    }
    OnPacket(std::move(*packet));
  }
}

void Client::OnPacket(Packet packet) {
  if (packet.kind == Kind::kReply) {
    uint64_t seq = packet.seq;
    return Resolve(seq, std::move(packet));
  }
  if (packet.kind == Kind::kPauseEnded && events_.pause_ended) events_.pause_ended();
  if (packet.kind != Kind::kExited || !events_.exited) return;
  if (auto exit = DecodeExit(packet.fields); exit.ok()) events_.exited(std::move(*exit));
}

void Client::EndAll() {
  std::map<uint64_t, Done> pending;
  {
    std::lock_guard lock(mutex_);
    lost_ = true;
    pending.swap(pending_);
  }
  for (auto& [seq, done] : pending) done(Gone());
}

Result<PauseStarted> Client::Pause(const container::PausePlan& plan, Deadline deadline) {
  UniqueFd memfd = TRY(sys::SealedMemfd("pause plan", plan.Encode()));
  Packet answer = TRY(Call(Kind::kPause, {}, {memfd}, deadline));
  ProcessReply process = TRY(DecodeProcess(answer.fields));
  if (answer.fds.empty()) return Internal("the shim's answer lacks a pidfd");
  return PauseStarted{process.pid, std::move(answer.fds.front())};
}

Result<> Client::TakeOver(const PauseStarted& pause, Deadline deadline) {
  wire::Writer fields;
  fields.U64(kPid, static_cast<uint64_t>(pause.pid));
  (void)TRY(Call(Kind::kTakeOver, std::move(fields), {pause.pidfd}, deadline));
  return {};
}

Result<Created> Client::Create(const container::LaunchPlan& plan, Deadline deadline) {
  UniqueFd memfd = TRY(sys::SealedMemfd("launch plan", plan.Encode()));
  Packet answer = TRY(Call(Kind::kCreate, {}, {memfd}, deadline));
  ProcessReply process = TRY(DecodeProcess(answer.fields));
  if (answer.fds.empty()) return Internal("the shim's answer lacks a pidfd");
  return Created{process.pid, std::move(answer.fds.front()), std::move(process.user)};
}

Result<int64_t> Client::Start(const std::string& container, Deadline deadline) {
  Packet answer = TRY(CallFor(Kind::kStart, container, deadline));
  return DecodeStarted(answer.fields);
}

Result<std::vector<Listed>> Client::List(Deadline deadline) {
  Packet answer = TRY(Call(Kind::kList, {}, {}, deadline));
  return DecodeList(answer.fields);
}

Result<UniqueFd> Client::ContainerPidfd(const std::string& container, Deadline deadline) {
  Packet answer = TRY(CallFor(Kind::kPidfd, container, deadline));
  if (answer.fds.empty()) return Internal("the shim's answer lacks a pidfd");
  return std::move(answer.fds.front());
}

Result<> Client::ReopenLog(const std::string& container, Deadline deadline) {
  (void)TRY(CallFor(Kind::kReopenLog, container, deadline));
  return {};
}

Result<> Client::Resize(const std::string& container, uint16_t width, uint16_t height,
                        Deadline deadline) {
  wire::Writer fields;
  fields.Str(kContainer, container);
  fields.U64(kWidth, width);
  fields.U64(kHeight, height);
  (void)TRY(Call(Kind::kResize, std::move(fields), {}, deadline));
  return {};
}

Result<> Client::Delete(const std::string& container, Deadline deadline) {
  (void)TRY(CallFor(Kind::kDelete, container, deadline));
  return {};
}

Result<> Client::Shutdown(Deadline deadline) {
  (void)TRY(Call(Kind::kShutdown, {}, {}, deadline));
  return {};
}

Result<> Client::Stream(const streaming::SessionPlan& plan, FdRef socket, Deadline deadline) {
  UniqueFd memfd = TRY(sys::SealedMemfd("session plan", plan.Encode()));
  (void)TRY(Call(Kind::kStream, {}, {memfd, socket}, deadline));
  return {};
}

Result<ExecResult> ReadExecResult(Packet answer, uint64_t output_limit) {
  TRYV(CheckReply(answer.fields));
  if (answer.fds.size() < 2) return Internal("the shim's answer lacks the output");
  ExecResult result;
  wire::Reader reader(answer.fields);
  while (reader.Next()) {
    if (reader.tag() == kExitCode) result.exit_code = static_cast<int>(reader.U64());
    if (reader.tag() == kTimedOut) result.timed_out = reader.Bool();
  }
  if (!reader.ok()) return Internal("malformed answer from the shim");
  result.out = TRY(sys::ReadSealedMemfd(answer.fds[0], output_limit));
  result.err = TRY(sys::ReadSealedMemfd(answer.fds[1], output_limit));
  return result;
}

// What waits for an exec's end or cuts it short; made and dropped on the loop's thread.
struct ExecWatch {
  EventLoop::Timer timer;
  std::optional<std::stop_callback<std::function<void()>>> stopped;
};

void Client::Exec(const container::ExecPlan& plan, Deadline deadline, std::stop_token stop,
                  std::function<void(Result<ExecResult>)> done) {
  auto fail = [&](Error error) {
    auto told = std::make_shared<Error>(std::move(error));
    core_->events->Post([told, done] { done(*told); });
  };
  auto memfd = sys::SealedMemfd("exec plan", plan.Encode());
  if (!memfd.ok()) return fail(std::move(memfd.error()));
  // An answer may be given by another thread when the client ends.
  auto watch = std::make_shared<ExecWatch>();
  auto seq = Register([done, watch, core = core_, limit = plan.output_limit](Result<Packet> answer) {
    core->events->Post([watch] { watch->timer.Cancel(), watch->stopped.reset(); });
    done(answer.ok() ? ReadExecResult(std::move(*answer), limit) : std::move(answer.error()));
  });
  if (!seq.ok()) return fail(std::move(seq.error()));
  auto sealed = std::make_shared<UniqueFd>(std::move(*memfd));
  core_->events->Post([this, weak = weak_from_this(), key = *seq, sealed, deadline, stop, watch] {
    auto self = weak.lock();
    if (!self) return;
    if (deadline != Deadline::max())
      watch->timer = core_->events->RunAt(deadline, [this, weak, key] {
        if (auto alive = weak.lock()) Resolve(key, TooLate(Kind::kExec));
      });
    // This thread serves all shims: a full queue is a failure at once.
    auto sent = Send(Kind::kExec, key, {}, {*sealed}, std::chrono::steady_clock::now());
    if (!sent.ok()) return Resolve(key, std::move(sent.error()));
    watch->stopped.emplace(stop, [weak, key, core = core_] {
      core->events->Post([weak, key] {
        if (auto alive = weak.lock()) alive->EndExec(key);
      });
    });
  });
}

void Client::EndExec(uint64_t of) {
  auto seq = Register([](const Result<Packet>&) {});
  if (!seq.ok()) return;
  wire::Writer fields;
  fields.U64(kOf, of);
  auto sent = Send(Kind::kEndExec, *seq, fields, {}, std::chrono::steady_clock::now());
  if (!sent.ok()) Resolve(*seq, std::move(sent.error()));
}

}  // namespace

Result<std::shared_ptr<ShimClient>> ShimClient::Connect(ShimLoop& loop,
                                                        const std::string& socket_path,
                                                        Events events, Deadline deadline) {
  auto client =
      std::make_shared<Client>(static_cast<LoopThread&>(loop).core(), std::move(events));
  TRYV(client->Open(socket_path, deadline).With("connect to shim"));
  return std::shared_ptr<ShimClient>(std::move(client));
}

}  // namespace cradle::shim
