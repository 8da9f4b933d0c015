// Server: the shim's end of the protocol (protocol.h): connections, packets, replies and events. It knows nothing of
// pods. Root only. A peer that doesn't read is dropped when its queue is full: it costs a bounded amount of memory and
// no waiting. The shim's main thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/fd.h"
#include "base/result.h"
#include "base/wire.h"
#include "shim/protocol.h"

namespace cradle::shim {

// Who waits for an answer. It may be gone when the answer comes; then the answer is dropped.
struct ReplyTo {
  uint64_t connection = 0;  // 0: nobody
  uint64_t seq = 0;
  bool valid() const { return connection != 0; }
};

struct Request {
  Kind kind{};
  ReplyTo from;
  std::string container;
  uint16_t width = 0, height = 0;
  pid_t pid = 0;
  uint64_t of = 0;  // another request of the same connection
  UniqueFd plan;    // invalid when nothing was attached
  UniqueFd socket;  // of kStream
};

class Server {
 public:
  using Handler = std::function<void(Request)>;
  // `listener`: bound, listening, non-blocking.
  Server(EventLoop& loop, UniqueFd listener) : loop_(loop), listener_(std::move(listener)) {}
  Result<> Serve(Handler handler);

  void Answer(ReplyTo to, wire::Writer fields = {}, const std::vector<FdRef>& fds = {});
  void Fail(ReplyTo to, const Error& error);
  // Events: to one connection, which gets all further ones too; to all of those.
  void Subscribe(ReplyTo to, const std::vector<std::string>& events);
  void Publish(std::string_view event);

 private:
  struct Packet {
    std::string data;
    std::vector<UniqueFd> fds;
  };
  struct Connection {
    UniqueFd fd;
    EventLoop::Watch watch;
    bool subscribed = false;
    std::deque<Packet> queue;
    size_t queued_bytes = 0;
  };

  void AcceptAll();
  void OnEvents(uint64_t id, uint32_t events);
  bool ReceiveOne(uint64_t id);
  void Flush(uint64_t id);
  void Send(uint64_t id, std::string_view data, const std::vector<FdRef>& fds);
  Result<> Enqueue(Connection& connection, std::string_view data, const std::vector<FdRef>& fds);

  EventLoop& loop_;
  UniqueFd listener_;
  EventLoop::Watch listening_;
  Handler handler_;
  uint64_t next_id_ = 1;
  std::map<uint64_t, Connection> connections_;
};

}  // namespace cradle::shim
