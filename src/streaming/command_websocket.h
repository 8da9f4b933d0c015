// An exec's or attach's client that speaks WebSocket: the first byte of a message says which stream it belongs to.
//
//   protocol                  messages                                   end of stdin
//   "", channel.k8s.io, v4.   binary: channel, bytes                     none
//   base64., v4.base64.       text: channel's digit, base64              none
//   v5.                       binary                                     255, channel
#pragma once

#include "streaming/base64.h"
#include "streaming/command.h"
#include "streaming/websocket.h"

namespace cradle::streaming {

class WebSocketCommand final : public CommandClient, private Connection::Handler, private websocket::Handler {
 public:
  WebSocketCommand(EventLoop& loop, sys::PageBuffer& scratch, const SessionPlan& plan, UniqueFd socket,
                   CommandClient::Handler& handler);
  Result<> Begin(const SessionPlan& plan) override;
  void Output(Channel channel, std::string_view bytes) override;
  void Finish(const Status& status) override;
  Connection& connection() override { return connection_; }

 private:
  void OnBytes(char* data, size_t size) override;
  void OnRoom() override { handler_.OnRoom(); }
  void OnGone(std::string_view why) override;
  void OnMessage(websocket::Opcode opcode, std::string_view piece, bool first, bool last) override;
  void OnPing(std::string_view payload) override;
  void OnClose() override;
  void OnPayload(std::string_view bytes);
  void Send(Channel channel, std::string_view bytes);
  void Fail(uint16_t code, std::string_view why);

  EventLoop& loop_;
  CommandClient::Handler& handler_;
  const std::string protocol_;
  const bool base64_;
  const Streams streams_;
  Connection connection_;
  websocket::Parser parser_{*this};
  int channel_ = -1;  // of the message under way
  Base64Decoder decoder_;
  std::string decoded_;
  bool input_ended_ = false;
  bool finished_ = false;
  ResizeReader resize_;
  EventLoop::Timer closing_;
};

}  // namespace cradle::streaming
