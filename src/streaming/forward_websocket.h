// A port-forward's client that speaks WebSocket channels: the ports are known from the request; channel 2i is the data
// of the i-th, 2i+1 its error. Both begin with the port, little-endian. There is no end of one direction.
#pragma once

#include <vector>

#include "streaming/base64.h"
#include "streaming/forward.h"
#include "streaming/websocket.h"

namespace cradle::streaming {

class WebSocketForward final : public ForwardClient, private Connection::Handler, private websocket::Handler {
 public:
  WebSocketForward(EventLoop& loop, sys::PageBuffer& scratch, const SessionPlan& plan, UniqueFd socket,
                   ForwardClient::Handler& handler);
  Result<> Begin(const SessionPlan& plan) override;
  void Data(uint32_t key, std::string_view bytes) override { Send(2 * key, bytes); }
  void EndData(uint32_t) override {}
  void Refuse(uint32_t key, std::string_view why) override;
  void Break(uint32_t key) override { Refuse(key, "the connection to the pod's port broke"); }
  void Forget(uint32_t key) override;
  void Finish() override;
  Connection& connection() override { return connection_; }

 private:
  void OnBytes(char* data, size_t size) override;
  void OnRoom() override { handler_.OnRoom(); }
  void OnGone(std::string_view why) override { handler_.OnGone(why); }
  void OnMessage(websocket::Opcode opcode, std::string_view piece, bool first, bool last) override;
  void OnPing(std::string_view payload) override;
  void OnClose() override;
  void OnPayload(std::string_view bytes);
  void Send(uint32_t channel, std::string_view bytes);
  void Fail(std::string_view why);

  ForwardClient::Handler& handler_;
  const bool base64_;
  const std::vector<uint16_t> ports_;
  Connection connection_;
  websocket::Parser parser_{*this};
  std::vector<bool> open_;
  int channel_ = -1;
  Base64Decoder decoder_;
  std::string decoded_;
};

}  // namespace cradle::streaming
