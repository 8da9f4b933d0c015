// WebSocket frames (RFC 6455), the server's half. No extensions, no I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cradle::streaming::websocket {

enum class Opcode : uint8_t { kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

inline constexpr uint16_t kNormal = 1000;
inline constexpr uint16_t kProtocolError = 1002;
inline constexpr uint16_t kInternalError = 1011;

class Handler {
 public:
  // A piece of a text or binary message: `first` starts one, `last` ends it. May be empty.
  virtual void OnMessage(Opcode opcode, std::string_view piece, bool first, bool last) = 0;
  virtual void OnPing(std::string_view payload) = 0;
  // The client's closing frame.
  virtual void OnClose() = 0;

 protected:
  ~Handler() = default;
};

// Takes the byte stream in any pieces; messages are passed on as they come. After an error the connection is lost.
class Parser {
 public:
  explicit Parser(Handler& handler) : handler_(handler) {}
  // Unmasks in place.
  Result<> Feed(char* data, size_t size);

 private:
  Result<> OnHead();
  size_t HeadSize() const;  // as far as it can be told
  void OnPiece(std::string_view piece);

  Handler& handler_;
  std::string head_;
  std::string control_;  // payload of a control frame
  uint64_t left_ = 0;
  bool in_frame_ = false;
  bool fin_ = false;
  bool first_ = false;       // nothing of the message was passed on yet
  bool in_message_ = false;  // a continuation is to come
  Opcode frame_ = Opcode::kBinary;
  Opcode message_ = Opcode::kBinary;
  char mask_[4] = {};
  size_t masked_ = 0;
};

// The head of an unmasked, final frame with `size` bytes of payload.
std::string Head(Opcode opcode, uint64_t size);
std::string Close(uint16_t code);

}  // namespace cradle::streaming::websocket
