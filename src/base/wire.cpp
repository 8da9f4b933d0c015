#include "base/wire.h"

namespace cradle::wire {
namespace {

template <int kBytes>
void AppendLittle(uint64_t value, std::string& out) {
  for (int i = 0; i < kBytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

uint64_t LoadLittle(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    value |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return value;
}

constexpr size_t kHead = 6;

}  // namespace

void Writer::U64(uint16_t tag, uint64_t value) {
  AppendLittle<2>(tag, out_);
  AppendLittle<4>(8, out_);
  AppendLittle<8>(value, out_);
}

void Writer::Str(uint16_t tag, std::string_view value) {
  AppendLittle<2>(tag, out_);
  AppendLittle<4>(value.size(), out_);
  out_.append(value);
}

bool Reader::Next() {
  if (!ok_ || rest_.empty()) return false;
  if (rest_.size() < kHead) return ok_ = false;
  tag_ = static_cast<uint16_t>(LoadLittle(rest_.substr(0, 2)));
  uint64_t size = LoadLittle(rest_.substr(2, 4));
  if (size > rest_.size() - kHead) return ok_ = false;
  value_ = rest_.substr(kHead, size);
  rest_.remove_prefix(kHead + size);
  return true;
}

uint64_t Reader::U64() {
  if (value_.size() != 8) {
    ok_ = false;
    return 0;
  }
  return LoadLittle(value_);
}

}  // namespace cradle::wire
