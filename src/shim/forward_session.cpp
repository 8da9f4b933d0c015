#include "shim/forward_session.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/log.h"
#include "base/sys/file.h"
#include "base/sys/socket.h"

namespace cradle::shim {
namespace {

constexpr seconds kDialTime{10};
constexpr int kReadsPerTurn = 4;
constexpr size_t kMaxEarly = 256 * 1024;

// A socket belongs to the namespace it was made in: only that one call happens there.
Result<UniqueFd> SocketIn(FdRef process, int domain) {
  static UniqueFd own;
  if (!own.valid()) own = TRY(sys::OpenAt(kCwd, "/proc/self/ns/net", O_RDONLY));
  TRYV(sys::Setns(process, CLONE_NEWNET).With("join network namespace"));
  auto socket = sys::SocketCreate(domain, SOCK_STREAM | SOCK_NONBLOCK, 0);
  // Going back to one's own can't fail; staying would put every later child into a strange namespace.
  if (!sys::Setns(own, CLONE_NEWNET).ok()) std::abort();
  return socket;
}

}  // namespace

ForwardSession::ForwardSession(Services& services, streaming::SessionPlan plan, UniqueFd pause, UniqueFd socket,
                               Over over)
    : Session(services, std::move(plan), std::move(over)),
      pause_(std::move(pause)),
      client_(streaming::ForwardClient::Make(services_.loop, services_.scratch, plan_, std::move(socket), *this)) {}

void ForwardSession::OnOpen(uint32_t key, uint16_t port) {
  if (finished_) return;
  Peer& peer = peers_[key];
  peer.port = port;
  peer.domain = AF_INET;
  if (auto dialled = Dial(key, peer); !dialled.ok()) DialNext(key, peer, dialled.error());
}

Result<> ForwardSession::Dial(uint32_t key, Peer& peer) {
  peer.watch.Reset();
  peer.connecting = TRY(SocketIn(pause_, peer.domain));
  (void)sys::SetSocketOption(peer.connecting, IPPROTO_TCP, TCP_NODELAY, 1);
  if (TRY(sys::ConnectLoopback(peer.connecting, peer.domain, peer.port))) return OnConnected(key, peer), Result<>();
  peer.watch = TRY(services_.loop.Add(peer.connecting, EPOLLOUT, [this, key](uint32_t) { OnConnecting(key); }));
  peer.timer = services_.loop.RunAt(After(kDialTime), [this, key] {
    auto found = peers_.find(key);
    if (found != peers_.end()) DialNext(key, found->second, Error(Code::kDeadlineExceeded, "connect: timed out"));
  });
  return {};
}

void ForwardSession::DialNext(uint32_t key, Peer& peer, const Error& why) {
  if (peer.domain == AF_INET) {
    peer.domain = AF_INET6;
    if (auto dialled = Dial(key, peer); dialled.ok()) return;
  }
  std::string text = Cat("failed to connect to localhost:", std::to_string(peer.port), " inside the pod: ", why.text());
  peers_.erase(key);
  client_->Refuse(key, text);
  PauseAsNeeded();
}

void ForwardSession::OnConnecting(uint32_t key) {
  auto found = peers_.find(key);
  if (found == peers_.end()) return;
  auto connected = sys::SocketError(found->second.connecting);
  if (!connected.ok()) return DialNext(key, found->second, connected.error());
  OnConnected(key, found->second);
}

void ForwardSession::OnConnected(uint32_t key, Peer& peer) {
  peer.timer.Cancel();
  peer.watch.Reset();
  auto copy = sys::Dup(peer.connecting);
  if (!copy.ok()) return OnReset(key);
  peer.sink = std::make_shared<streaming::Sink>(services_.loop, std::move(*copy));
  peer.sink->OnRoom(this, [this] { PauseAsNeeded(); });
  peer.sink->Write(std::exchange(peer.early, {}));
  WatchPeer(key, peer);
  if (peer.early_end) EndWriting(key, peer);
  PauseAsNeeded();
}

void ForwardSession::OnData(uint32_t key, std::string_view bytes) {
  Touch();
  auto found = peers_.find(key);
  if (found == peers_.end()) return;
  if (found->second.sink)
    found->second.sink->Write(bytes);
  else
    found->second.early.append(bytes);
  PauseAsNeeded();
}

void ForwardSession::OnDataEnd(uint32_t key) {
  auto found = peers_.find(key);
  if (found == peers_.end()) return;
  if (found->second.sink)
    EndWriting(key, found->second);
  else
    found->second.early_end = true;
}

void ForwardSession::EndWriting(uint32_t key, Peer& peer) {
  peer.sink->End([this, key, self = weak_from_this()](FdRef socket) {
    (void)sys::Shutdown(socket, SHUT_WR);
    // Not from inside the sink, which goes with its peer.
    services_.loop.Post([this, key, self] {
      auto alive = self.lock();
      if (!alive) return;
      auto found = peers_.find(key);
      if (found == peers_.end()) return;
      found->second.write_ended = true;
      DropWhenEnded(key);
    });
  });
}

void ForwardSession::WatchPeer(uint32_t key, Peer& peer) {
  if (!peer.sink || peer.read_ended || peer.watch.active()) return;
  auto watch = services_.loop.Add(peer.connecting, EPOLLIN, [this, key](uint32_t) { OnReadable(key); });
  if (watch.ok()) peer.watch = std::move(*watch);
}

void ForwardSession::OnReadable(uint32_t key) {
  for (int i = 0; i < kReadsPerTurn; ++i) {
    auto found = peers_.find(key);
    if (found == peers_.end()) return;
    if (client_->full()) return found->second.watch.Reset();
    if (!ReadOnce(key, found->second)) return;
  }
}

bool ForwardSession::ReadOnce(uint32_t key, Peer& peer) {
  auto got = sys::Read(peer.connecting, services_.scratch.data(), services_.scratch.size());
  if (!got.ok() && got.error().err() == EAGAIN) return false;
  if (!got.ok()) {
    peers_.erase(key);
    client_->Break(key);
    PauseAsNeeded();
    return false;
  }
  Touch();
  if (*got > 0) {
    client_->Data(key, {services_.scratch.data(), *got});
    return *got == services_.scratch.size();
  }
  peer.read_ended = true;
  peer.watch.Reset();
  client_->EndData(key);
  DropWhenEnded(key);
  return false;
}

// A client that sees the end of the data ends its own side too, or resets the stream.
void ForwardSession::DropWhenEnded(uint32_t key) {
  auto found = peers_.find(key);
  if (found == peers_.end()) return;
  bool web = plan_.wire == streaming::Wire::kWebSocket;  // no half-close there
  if (!found->second.read_ended || !(found->second.write_ended || web)) return;
  peers_.erase(found);
  client_->Forget(key);
}

void ForwardSession::OnRoom() {
  for (auto& [key, peer] : peers_) WatchPeer(key, peer);
}

void ForwardSession::PauseAsNeeded() {
  bool full = std::any_of(peers_.begin(), peers_.end(), [](const auto& entry) {
    const Peer& peer = entry.second;
    return peer.sink ? peer.sink->full() : peer.early.size() >= kMaxEarly;
  });
  client_->connection().PauseReading(full);
}

void ForwardSession::End(std::string_view) {
  if (std::exchange(finished_, true)) return;
  peers_.clear();
  client_->Finish();
}

void ForwardSession::OnGone(std::string_view why) {
  if (!finished_ && !why.empty()) log::Warning(Cat("port-forward session: ", why));
  finished_ = true;
  peers_.clear();
  services_.scratch.Release(0, services_.scratch.size());
  TellOver();
}

}  // namespace cradle::shim
