#include "streaming/base64.h"

namespace cradle::streaming {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int ValueOf(char digit) {
  if (digit >= 'A' && digit <= 'Z') return digit - 'A';
  if (digit >= 'a' && digit <= 'z') return digit - 'a' + 26;
  if (digit >= '0' && digit <= '9') return digit - '0' + 52;
  return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

}  // namespace

std::string EncodeBase64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    size_t here = bytes.size() - i < 3 ? bytes.size() - i : 3;
    uint32_t bits = 0;
    for (size_t j = 0; j < 3; ++j) bits = bits << 8 | (j < here ? static_cast<uint8_t>(bytes[i + j]) : 0u);
    for (size_t j = 0; j < 4; ++j) out.push_back(j <= here ? kAlphabet[bits >> (18 - 6 * j) & 63] : '=');
  }
  return out;
}

bool Base64Decoder::Feed(std::string_view text, std::string& out) {
  for (char digit : text) {
    int value = ValueOf(digit);
    if (digit == '=' && digits_ >= 2) {
      ++padding_;
    } else if (value < 0 || padding_ > 0) {
      return false;
    }
    bits_ = bits_ << 6 | static_cast<uint32_t>(value < 0 ? 0 : value);
    if (++digits_ < 4) continue;
    for (int i = 0; i < 3 - padding_; ++i) out.push_back(static_cast<char>(bits_ >> (16 - 8 * i)));
    bits_ = 0;
    digits_ = 0;
    if (padding_ > 0) padding_ = 3;  // only the end may follow
  }
  return true;
}

bool Base64Decoder::Finish() {
  bool whole = digits_ == 0;
  *this = Base64Decoder();
  return whole;
}

}  // namespace cradle::streaming
