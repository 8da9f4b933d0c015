// A port-forward's client that speaks SPDY: for each connection a pair of streams, "error" and then "data", that belong
// together by their `requestid`. The SPDY bytes come bare or in binary WebSocket messages.
#pragma once

#include <map>
#include <string>

#include "streaming/forward.h"
#include "streaming/spdy.h"
#include "streaming/websocket.h"

namespace cradle::streaming {

class SpdyForward final : public ForwardClient,
                          private Connection::Handler,
                          private spdy::Handler,
                          private websocket::Handler {
 public:
  SpdyForward(EventLoop& loop, sys::PageBuffer& scratch, const SessionPlan& plan, UniqueFd socket,
              ForwardClient::Handler& handler);
  Result<> Begin(const SessionPlan& plan) override;
  void Data(uint32_t key, std::string_view bytes) override;
  void EndData(uint32_t key) override;
  void Refuse(uint32_t key, std::string_view why) override;
  void Break(uint32_t key) override;
  void Forget(uint32_t key) override;
  void Finish() override;
  Connection& connection() override { return connection_; }

 private:
  static constexpr size_t kMaxPairs = 512;
  struct Pair {
    std::string request;
    uint32_t error = 0, data = 0;  // 0: not there yet
    uint16_t port = 0;
    EventLoop::Timer incomplete;
  };
  using Pairs = std::map<uint32_t, Pair>;  // by their first stream

  void OnBytes(char* data, size_t size) override;
  void OnRoom() override { handler_.OnRoom(); }
  void OnGone(std::string_view why) override { handler_.OnGone(why); }
  void OnStream(uint32_t id, const spdy::Headers& headers) override;
  void OnData(uint32_t id, std::string_view bytes, bool fin) override;
  void OnReset(uint32_t id) override;
  void OnPing(uint32_t id) override { Send(spdy::Ping(id)); }
  void OnMessage(websocket::Opcode opcode, std::string_view piece, bool first, bool last) override;
  void OnPing(std::string_view payload) override;
  void OnClose() override;

  void Feed(std::string_view bytes);
  void Send(std::string_view frame, std::string_view body = {});
  void EndError(Pair& pair, std::string_view text);
  void Expire(uint32_t first);
  Pairs::iterator FindPair(const std::string& request, uint32_t other);
  Pairs::iterator ByData(uint32_t id);

  EventLoop& loop_;
  ForwardClient::Handler& handler_;
  const bool tunnel_;
  Connection connection_;
  spdy::Parser spdy_{*this};
  websocket::Parser websocket_{*this};
  Pairs pairs_;
  std::map<uint32_t, uint32_t> by_data_;
  uint32_t last_id_ = 0;
};

}  // namespace cradle::streaming
