#include "streaming/forward_websocket.h"

#include <algorithm>

namespace cradle::streaming {

WebSocketForward::WebSocketForward(EventLoop& loop, sys::PageBuffer& scratch, const SessionPlan& plan,
                                   UniqueFd socket, ForwardClient::Handler& handler)
    : handler_(handler),
      base64_(plan.protocol.find("base64.") != std::string::npos),
      ports_(plan.ports),
      connection_(loop, std::move(socket), scratch, *this),
      open_(ports_.size(), true) {}

Result<> WebSocketForward::Begin(const SessionPlan& plan) {
  TRYV(connection_.Begin(plan.answer, {}));
  connection_.KeepAlive(websocket::Head(websocket::Opcode::kPing, 0));
  for (uint32_t i = 0; i < ports_.size(); ++i) {
    const char port[2] = {static_cast<char>(ports_[i]), static_cast<char>(ports_[i] >> 8)};
    Send(2 * i, {port, 2});
    Send(2 * i + 1, {port, 2});
  }
  for (uint32_t i = 0; i < ports_.size(); ++i) handler_.OnOpen(i, ports_[i]);
  std::string leftover = plan.leftover;
  if (!leftover.empty()) OnBytes(leftover.data(), leftover.size());
  return {};
}

void WebSocketForward::OnBytes(char* data, size_t size) {
  if (auto fed = parser_.Feed(data, size); !fed.ok()) Fail(fed.error().text());
}

void WebSocketForward::OnMessage(websocket::Opcode opcode, std::string_view piece, bool first, bool last) {
  if (connection_.over()) return;
  if (first) channel_ = -1;
  if ((opcode == websocket::Opcode::kText) != base64_) return;
  if (channel_ < 0 && !piece.empty()) {
    auto byte = static_cast<unsigned char>(piece.front());
    channel_ = base64_ ? byte - '0' : byte;
    piece.remove_prefix(1);
  }
  if (!base64_) return OnPayload(piece);
  decoded_.clear();
  bool valid = decoder_.Feed(piece, decoded_);
  if (last) valid = decoder_.Finish() && valid;
  if (!valid) return Fail("WebSocket: a message isn't base64");
  OnPayload(decoded_);
}

void WebSocketForward::OnPayload(std::string_view bytes) {
  if (bytes.empty() || channel_ < 0 || channel_ % 2 != 0) return;
  auto key = static_cast<uint32_t>(channel_ / 2);
  if (key < open_.size() && open_[key]) handler_.OnData(key, bytes);
}

void WebSocketForward::OnPing(std::string_view payload) {
  connection_.Write(websocket::Head(websocket::Opcode::kPong, payload.size()), payload);
}

void WebSocketForward::OnClose() { Finish(); }

void WebSocketForward::Send(uint32_t channel, std::string_view bytes) {
  auto byte = static_cast<char>(channel);
  if (base64_) {
    std::string text = EncodeBase64(bytes);
    std::string head = websocket::Head(websocket::Opcode::kText, 1 + text.size());
    head.push_back(static_cast<char>('0' + byte));
    return connection_.Write(head, text);
  }
  std::string head = websocket::Head(websocket::Opcode::kBinary, 1 + bytes.size());
  head.push_back(byte);
  connection_.Write(head, bytes);
}

void WebSocketForward::Refuse(uint32_t key, std::string_view why) {
  Send(2 * key + 1, why);
  Forget(key);
}

// When no port is left there is nothing more to be said.
void WebSocketForward::Forget(uint32_t key) {
  open_[key] = false;
  if (std::none_of(open_.begin(), open_.end(), [](bool open) { return open; })) Finish();
}

void WebSocketForward::Finish() {
  connection_.Write(websocket::Close(websocket::kNormal));
  connection_.Finish();
}

void WebSocketForward::Fail(std::string_view why) {
  if (connection_.over()) return;
  connection_.Write(websocket::Close(websocket::kProtocolError));
  connection_.Abort();
  OnGone(why);
}

}  // namespace cradle::streaming
