// ForwardSession: connections of a client to ports of the pod. Each one is dialled on loopback inside the pod's network
// namespace, IPv4 first, then IPv6, and carried both ways until both have ended. The client's bytes have no flow
// control of their own: one port that doesn't read holds up this client's other connections, and nobody else.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "shim/session.h"
#include "streaming/forward.h"
#include "streaming/sink.h"

namespace cradle::shim {

class ForwardSession final : public Session, private streaming::ForwardClient::Handler {
 public:
  // `pause`: whose network namespace it is.
  ForwardSession(Services& services, streaming::SessionPlan plan, UniqueFd pause, UniqueFd socket, Over over);
  Result<> Begin() override { WatchIdle(); return client_->Begin(plan_); }
  void End(std::string_view why) override;
  bool all_sent() const override { return client_->connection().all_sent(); }

 private:
  struct Peer {
    uint16_t port = 0;
    int domain = 0;                           // being tried
    UniqueFd connecting;
    EventLoop::Watch watch;                   // connecting, then reading
    EventLoop::Timer timer;
    std::string early;                        // came before it was connected
    bool early_end = false;
    std::shared_ptr<streaming::Sink> sink;    // owns the socket once it is connected
    bool read_ended = false, write_ended = false;
  };
  using Peers = std::map<uint32_t, Peer>;

  void OnOpen(uint32_t key, uint16_t port) override;
  void OnData(uint32_t key, std::string_view bytes) override;
  void OnDataEnd(uint32_t key) override;
  void OnReset(uint32_t key) override { peers_.erase(key); client_->Forget(key); PauseAsNeeded(); }
  void OnRoom() override;
  void OnGone(std::string_view why) override;

  Result<> Dial(uint32_t key, Peer& peer);
  void DialNext(uint32_t key, Peer& peer, const Error& why);
  void OnConnecting(uint32_t key);
  void OnConnected(uint32_t key, Peer& peer);
  void WatchPeer(uint32_t key, Peer& peer);
  void OnReadable(uint32_t key);
  bool ReadOnce(uint32_t key, Peer& peer);
  void EndWriting(uint32_t key, Peer& peer);
  void DropWhenEnded(uint32_t key);
  void PauseAsNeeded();

  const UniqueFd pause_;
  const std::unique_ptr<streaming::ForwardClient> client_;
  Peers peers_;
  bool finished_ = false;
};

}  // namespace cradle::shim
