#include "streaming/command_websocket.h"

namespace cradle::streaming {
namespace {

constexpr int kCloseChannel = 255;

}  // namespace

WebSocketCommand::WebSocketCommand(EventLoop& loop, sys::PageBuffer& scratch, const SessionPlan& plan,
                                   UniqueFd socket, CommandClient::Handler& handler)
    : loop_(loop),
      handler_(handler),
      protocol_(plan.protocol),
      base64_(plan.protocol.find("base64.") != std::string::npos),
      streams_(plan.streams),
      connection_(loop, std::move(socket), scratch, *this) {}

Result<> WebSocketCommand::Begin(const SessionPlan& plan) {
  TRYV(connection_.Begin(plan.answer, {}));
  connection_.KeepAlive(websocket::Head(websocket::Opcode::kPing, 0));
  // An empty message says that the streams are there.
  Send(streams_.out ? Channel::kStdout : streams_.err ? Channel::kStderr : Channel::kError, {});
  handler_.OnReady();
  std::string leftover = plan.leftover;
  if (!leftover.empty()) OnBytes(leftover.data(), leftover.size());
  return {};
}

void WebSocketCommand::OnBytes(char* data, size_t size) {
  auto fed = parser_.Feed(data, size);
  if (!fed.ok()) Fail(websocket::kProtocolError, fed.error().text());
}

void WebSocketCommand::OnGone(std::string_view why) { handler_.OnGone(why); }

void WebSocketCommand::OnMessage(websocket::Opcode opcode, std::string_view piece, bool first, bool last) {
  if (connection_.over() || finished_) return;
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
  if (!valid) return Fail(websocket::kProtocolError, "WebSocket: a message isn't base64");
  OnPayload(decoded_);
}

void WebSocketCommand::OnPayload(std::string_view bytes) {
  if (bytes.empty()) return;
  if (channel_ == static_cast<int>(Channel::kStdin) && streams_.in && !input_ended_) {
    handler_.OnInput(bytes);
  } else if (channel_ == static_cast<int>(Channel::kResize) && streams_.tty) {
    if (auto size = resize_.Feed(bytes)) handler_.OnResize(*size);
  } else if (channel_ == kCloseChannel && protocol_.starts_with("v5.") && streams_.in && bytes.front() == 0) {
    if (!std::exchange(input_ended_, true)) handler_.OnInputEnd();
  }
}

void WebSocketCommand::OnPing(std::string_view payload) {
  connection_.Write(websocket::Head(websocket::Opcode::kPong, payload.size()), payload);
}

// Theirs first: the client goes. Ours first: this is the answer, and the connection can end.
void WebSocketCommand::OnClose() {
  closing_.Cancel();
  if (!finished_) connection_.Write(websocket::Close(websocket::kNormal));
  finished_ = true;
  connection_.Finish();
}

void WebSocketCommand::Send(Channel channel, std::string_view bytes) {
  if (finished_) return;
  if (base64_) {
    std::string text = EncodeBase64(bytes);
    std::string head = websocket::Head(websocket::Opcode::kText, 1 + text.size());
    head.push_back(static_cast<char>('0' + static_cast<int>(channel)));
    return connection_.Write(head, text);
  }
  std::string head = websocket::Head(websocket::Opcode::kBinary, 1 + bytes.size());
  head.push_back(static_cast<char>(channel));
  connection_.Write(head, bytes);
}

void WebSocketCommand::Output(Channel channel, std::string_view bytes) {
  if (channel == Channel::kStdout ? streams_.out : streams_.err) Send(channel, bytes);
}

void WebSocketCommand::Finish(const Status& status) {
  std::string text = FormatStatus(status, protocol_);
  if (!text.empty()) Send(Channel::kError, text);
  if (finished_) return;
  connection_.Write(websocket::Close(websocket::kNormal));
  finished_ = true;
  // The client answers with a closing frame of its own, then the connection may end.
  connection_.PauseReading(false);
  closing_ = loop_.RunAt(After(Connection::kLinger), [this] { connection_.Finish(); });
}

void WebSocketCommand::Fail(uint16_t code, std::string_view why) {
  if (connection_.over()) return;
  connection_.Write(websocket::Close(code));
  connection_.Abort();
  OnGone(why);
}

}  // namespace cradle::streaming
