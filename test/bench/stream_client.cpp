#include "stream_client.h"

#include <sys/socket.h>

#include <cstring>

#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "must.h"
#include "streaming/remote.h"
#include "streaming/spdy.h"

namespace cradle::bench {
namespace {

namespace spdy = streaming::spdy;

constexpr size_t kBuffer = 256 * 1024;
constexpr char kMask[4] = {1, 2, 3, 4};
constexpr seconds kPatience{60};

uint32_t Load(std::string_view bytes) {
  uint32_t value = 0;
  for (char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

}  // namespace

StreamClient::StreamClient(const std::string& url, Wire wire, Kind kind, bool input, int port) : wire_(wire) {
  buffer_ = Must(sys::PageBuffer::Map(kBuffer));
  if (wire == Wire::kWebSocket) in_ = 0, out_ = 1, error_ = 3;  // all of it may come with the answer
  Upgrade(url, kind);
  if (wire == Wire::kWebSocket) return;
  OpenSpdy("error", kind, port);
  error_ = 1;
  if (kind == Kind::kForward) {
    OpenSpdy("data", kind, port);
    in_ = out_ = 3;
    return;
  }
  if (input) OpenSpdy("stdin", kind, port), in_ = opened_ * 2 - 1;
  OpenSpdy("stdout", kind, port);
  out_ = opened_ * 2 - 1;
  OpenSpdy("stderr", kind, port);
}

void StreamClient::Upgrade(const std::string& text, Kind kind) {
  streaming::Url url = Must(streaming::ParseUrl(text));
  socket_ = Must(sys::ConnectTcp(url.address, url.port, After(kPatience)));
  Must(sys::SetNonblocking(socket_, false));
  const char* protocol = kind == Kind::kForward ? "portforward.k8s.io" : "v4.channel.k8s.io";
  std::string upgrade = wire_ == Wire::kSpdy
                            ? Cat("Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ", protocol, "\r\n")
                            : "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n";
  Write(Cat("GET ", url.path, " HTTP/1.1\r\nConnection: Upgrade\r\n", upgrade, "\r\n"), {});
  std::string answer;
  while (answer.find("\r\n\r\n") == std::string::npos) {
    auto got = Must(sys::Read(socket_, buffer_.data(), buffer_.size()));
    if (got == 0) throw std::runtime_error("no answer");
    answer.append(buffer_.data(), got);
  }
  if (!answer.starts_with("HTTP/1.1 101")) throw std::runtime_error(answer);
  Feed(std::string_view(answer).substr(answer.find("\r\n\r\n") + 4));
}

void StreamClient::OpenSpdy(const char* type, Kind kind, int port) {
  spdy::Headers headers{{"streamtype", type}};
  if (kind == Kind::kForward) headers.insert(headers.end(), {{"port", std::to_string(port)}, {"requestid", "1"}});
  ++opened_;
  Write(spdy::SynStream(static_cast<uint32_t>(opened_ * 2 - 1), headers, opened_ == 1), {});
  while (replied_ < opened_)
    if (!ReadSome()) throw std::runtime_error("a stream isn't opened");
}

void StreamClient::Write(std::string_view head, std::string_view body) {
  while (!head.empty() || !body.empty()) {
    auto sent = sys::SendPieces(socket_, head, body);
    if (!sent.ok() && sent.error().err() == EAGAIN) {
      (void)Must(sys::PollWritable(socket_, After(kPatience)));
      continue;
    }
    size_t taken = Must(std::move(sent));
    size_t of_head = std::min(taken, head.size());
    head.remove_prefix(of_head);
    body.remove_prefix(taken - of_head);
  }
}

std::string StreamClient::Head(int stream, size_t size, bool end) const {
  if (wire_ == Wire::kSpdy) return spdy::DataHead(static_cast<uint32_t>(stream), size, end);
  std::string head{static_cast<char>(0x82), static_cast<char>(0xff)};
  for (int shift = 56; shift >= 0; shift -= 8) head.push_back(static_cast<char>((size + 1) >> shift));
  head.append(kMask, 4);
  head.push_back(static_cast<char>(stream ^ kMask[0]));
  return head;
}

// The mask goes on over the channel's byte: a piece is masked from the second on. It is the same every time, so it is
// masked once.
void StreamClient::Send(std::string_view bytes) {
  if (wire_ == Wire::kWebSocket && masked_.size() != bytes.size()) {
    masked_.assign(bytes);
    for (size_t i = 0; i < masked_.size(); ++i) masked_[i] = static_cast<char>(masked_[i] ^ kMask[(i + 1) % 4]);
  }
  Write(Head(in_, bytes.size(), false), wire_ == Wire::kWebSocket ? masked_ : bytes);
}

void StreamClient::EndInput() {
  if (wire_ == Wire::kSpdy) return Write(Head(in_, 0, true), {});
  std::string frame{static_cast<char>(0x82), static_cast<char>(0x82)};
  frame.append(kMask, 4);
  frame.push_back(static_cast<char>(255 ^ kMask[0]));
  frame.push_back(static_cast<char>(0 ^ kMask[1]));
  Write(frame, {});
}

size_t StreamClient::HeadSize() const {
  if (wire_ == Wire::kSpdy) return 8;
  if (head_.size() < 2) return 2;
  auto size = static_cast<uint8_t>(head_[1]);
  return 2 + (size == 126 ? 2u : size == 127 ? 8u : 0u) + ((head_[0] & 15) == 2 ? 1 : 0);
}

void StreamClient::OnHead() {
  std::string_view head = head_;
  if (wire_ == Wire::kSpdy) {
    bool control = head[0] & 0x80;
    if (control && head[3] == 2) ++replied_;
    stream_ = control ? -1 : static_cast<int>(Load(head.substr(0, 4)));
    left_ = Load(head.substr(5, 3));
    return;
  }
  bool data = (head[0] & 15) == 2;
  if ((head[0] & 15) == 8) Write(std::string_view("\x88\x80\1\2\3\4", 6), {});  // a close, too; then the server goes
  auto size = static_cast<uint8_t>(head[1]);
  left_ = size < 126 ? size : size == 126 ? Load(head.substr(2, 2)) : Load(head.substr(6, 4));
  left_ -= data ? 1 : 0;
  stream_ = data ? head.back() : -1;
}

void StreamClient::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (left_ == 0) {
      head_.push_back(bytes.front());
      bytes.remove_prefix(1);
      if (head_.size() < HeadSize()) continue;
      OnHead();
      head_.clear();
      continue;
    }
    std::string_view piece = bytes.substr(0, left_);
    if (stream_ == out_) output_ += piece.size();
    if (stream_ == error_) status_.append(piece);
    left_ -= piece.size();
    bytes.remove_prefix(piece.size());
  }
}

bool StreamClient::ReadSome() {
  auto got = Must(sys::Read(socket_, buffer_.data(), buffer_.size()));
  Feed({buffer_.data(), got});
  return got > 0;
}

void StreamClient::ReadOutput(uint64_t bytes) {
  while (output_ < bytes)
    if (!ReadSome()) throw std::runtime_error("the output ends early: " + status_);
}

std::string StreamClient::ReadToEnd() {
  while (ReadSome()) continue;
  return status_;
}

}  // namespace cradle::bench
