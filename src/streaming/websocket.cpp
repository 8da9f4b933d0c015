#include "streaming/websocket.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace cradle::streaming::websocket {
namespace {

constexpr uint64_t kMaxControl = 125;
constexpr uint64_t kMaxFrame = 1ull << 40;  // far from wrapping; nothing is allocated by it

bool IsControl(Opcode opcode) { return static_cast<uint8_t>(opcode) >= 8; }

uint64_t Load(std::string_view bytes) {
  uint64_t value = 0;
  for (char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

// Eight bytes at a time; `mask` begins at the byte that `data` begins with.
void Unmask(char* data, size_t size, const char* mask) {
  char twice[8];
  for (size_t i = 0; i < sizeof twice; ++i) twice[i] = mask[i % 4];
  uint64_t word_mask;
  std::memcpy(&word_mask, twice, sizeof word_mask);
  size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    uint64_t word;
    std::memcpy(&word, data + i, sizeof word);
    word ^= word_mask;
    std::memcpy(data + i, &word, sizeof word);
  }
  for (; i < size; ++i) data[i] = static_cast<char>(data[i] ^ mask[i % 4]);
}

}  // namespace

size_t Parser::HeadSize() const {
  if (head_.size() < 2) return 2;
  uint8_t size = static_cast<uint8_t>(head_[1]) & 0x7f;
  return 2 + (size == 126 ? 2u : size == 127 ? 8u : 0u) + 4;
}

Result<> Parser::Feed(char* data, size_t size) {
  while (size > 0) {
    if (!in_frame_) {
      while (size > 0 && head_.size() < HeadSize()) {
        head_.push_back(*data++);
        --size;
      }
      // An unmasked frame is refused at once: its head would be shorter.
      if (head_.size() >= 2 && !(head_[1] & 0x80)) return InvalidArgument("WebSocket: a frame isn't masked");
      if (head_.size() < HeadSize()) return {};
      TRYV(OnHead());
    }
    size_t taken = static_cast<size_t>(std::min<uint64_t>(left_, size));
    char mask[4];
    for (size_t i = 0; i < 4; ++i) mask[i] = mask_[(masked_ + i) % 4];
    Unmask(data, taken, mask);
    masked_ = (masked_ + taken) % 4;
    left_ -= taken;
    if (left_ == 0) in_frame_ = false;
    OnPiece({data, taken});
    data += taken;
    size -= taken;
  }
  return {};
}

Result<> Parser::OnHead() {
  std::string head = std::move(head_);
  head_.clear();
  fin_ = head[0] & 0x80;
  if (head[0] & 0x70) return InvalidArgument("WebSocket: an extension that wasn't agreed on");
  frame_ = static_cast<Opcode>(head[0] & 0x0f);
  std::string_view rest = std::string_view(head).substr(1, head.size() - 5);
  left_ = rest.size() == 1 ? static_cast<uint8_t>(rest[0]) & 0x7f : Load(rest.substr(1));
  std::memcpy(mask_, head.data() + head.size() - 4, 4);
  masked_ = 0;
  in_frame_ = true;
  switch (frame_) {
    case Opcode::kClose:
    case Opcode::kPing:
    case Opcode::kPong:
      if (!fin_ || left_ > kMaxControl) return InvalidArgument("WebSocket: malformed control frame");
      control_.clear();
      return {};
    case Opcode::kText:
    case Opcode::kBinary:
      if (in_message_) return InvalidArgument("WebSocket: a message inside another");
      message_ = frame_;
      first_ = true;
      break;
    case Opcode::kContinuation:
      if (!in_message_) return InvalidArgument("WebSocket: a continuation of nothing");
      break;
    default: return InvalidArgument("WebSocket: unknown frame");
  }
  if (left_ > kMaxFrame) return InvalidArgument("WebSocket: a frame is too large");
  in_message_ = true;
  return {};
}

void Parser::OnPiece(std::string_view piece) {
  if (IsControl(frame_)) {
    control_.append(piece);
    if (left_ > 0) return;
    if (frame_ == Opcode::kPing) handler_.OnPing(control_);
    if (frame_ == Opcode::kClose) handler_.OnClose();
    return;
  }
  bool last = left_ == 0 && fin_;
  if (last) in_message_ = false;
  if (!piece.empty() || last) handler_.OnMessage(message_, piece, std::exchange(first_, false), last);
}

std::string Head(Opcode opcode, uint64_t size) {
  std::string out;
  out.push_back(static_cast<char>(0x80 | static_cast<uint8_t>(opcode)));
  int bytes = size < 126 ? 0 : size <= 0xffff ? 2 : 8;
  out.push_back(static_cast<char>(bytes == 0 ? size : bytes == 2 ? 126 : 127));
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(size >> (8 * i)));
  return out;
}

std::string Close(uint16_t code) {
  std::string out = Head(Opcode::kClose, 2);
  out.push_back(static_cast<char>(code >> 8));
  out.push_back(static_cast<char>(code));
  return out;
}

}  // namespace cradle::streaming::websocket
