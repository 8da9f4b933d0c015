#include "streaming/spdy.h"

#include <zlib.h>

#include <algorithm>

#include "streaming/spdy_dictionary.h"

namespace cradle::streaming::spdy {
namespace {

constexpr size_t kHeadSize = 8;
constexpr uint8_t kFin = 1;
constexpr uint32_t kIdMask = 0x7fffffff;

enum Type : uint16_t {
  kSynStream = 1,
  kSynReply = 2,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kHeaders = 8,
};

uint32_t Load32(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

void Store32(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

// Takes 4 bytes of length or count off the front.
Result<uint32_t> Take32(std::string_view& rest) {
  if (rest.size() < 4) return InvalidArgument("SPDY: a header block is cut off");
  uint32_t value = Load32(rest);
  rest.remove_prefix(4);
  return value;
}

Result<std::string> TakeField(std::string_view& rest) {
  uint32_t size = TRY(Take32(rest));
  if (size > rest.size()) return InvalidArgument("SPDY: a header block is cut off");
  if (size > kMaxField) return InvalidArgument("SPDY: a header is too long");
  std::string field(rest.substr(0, size));
  rest.remove_prefix(size);
  return field;
}

std::string Control(Type type, size_t size) {
  std::string out;
  Store32(out, 0x80030000u | type);
  Store32(out, static_cast<uint32_t>(size));
  return out;
}

}  // namespace

std::string_view Find(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return {};
}

Inflater::Inflater() = default;

Inflater::~Inflater() {
  if (stream_) ::inflateEnd(stream_.get());
}

Result<std::string> Inflater::Inflate(std::string_view block) {
  if (!stream_) {
    stream_ = std::make_unique<z_stream_s>();
    if (::inflateInit(stream_.get()) != Z_OK) return Internal("SPDY: inflateInit");
  }
  stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(block.data()));
  stream_->avail_in = static_cast<uInt>(block.size());
  std::string out(1024, '\0');
  size_t size = 0;
  for (;;) {
    stream_->next_out = reinterpret_cast<Bytef*>(out.data() + size);
    stream_->avail_out = static_cast<uInt>(out.size() - size);
    int result = ::inflate(stream_.get(), Z_SYNC_FLUSH);
    size = out.size() - stream_->avail_out;
    if (result == Z_NEED_DICT) {
      if (::inflateSetDictionary(stream_.get(), reinterpret_cast<const Bytef*>(kDictionary.data()),
                                 static_cast<uInt>(kDictionary.size())) != Z_OK)
        return InvalidArgument("SPDY: headers were compressed with another dictionary");
      continue;
    }
    if (result != Z_OK && result != Z_BUF_ERROR) return InvalidArgument("SPDY: headers can't be inflated");
    if (stream_->avail_out > 0) break;  // all that is in the block has come out
    if (out.size() >= kMaxInflated) return InvalidArgument("SPDY: a header block is too large");
    out.resize(out.size() * 2);
  }
  out.resize(size);
  return out;
}

Result<Headers> Inflater::Read(std::string_view block) {
  std::string text = TRY(Inflate(block));
  std::string_view rest = text;
  uint32_t count = TRY(Take32(rest));
  if (count > kMaxHeaders) return InvalidArgument("SPDY: too many headers");
  Headers headers;
  for (uint32_t i = 0; i < count; ++i) {
    std::string name = TRY(TakeField(rest));
    headers.emplace_back(std::move(name), TRY(TakeField(rest)));
  }
  if (!rest.empty()) return InvalidArgument("SPDY: a header block is longer than its headers");
  return headers;
}

Result<> Parser::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!in_frame_) {
      size_t taken = std::min(kHeadSize - head_.size(), bytes.size());
      head_.append(bytes.substr(0, taken));
      bytes.remove_prefix(taken);
      if (head_.size() < kHeadSize) return {};
      TRYV(OnHead());
    }
    std::string_view piece = bytes.substr(0, left_);
    bytes.remove_prefix(piece.size());
    left_ -= piece.size();
    if (left_ == 0) in_frame_ = false;
    if (control_) {
      payload_.append(piece);
      if (left_ == 0) TRYV(OnControl());
    } else if (bool fin = left_ == 0 && (flags_ & kFin); fin || !piece.empty()) {
      handler_.OnData(stream_, piece, fin);
    }
  }
  return {};
}

Result<> Parser::OnHead() {
  uint32_t first = Load32(head_);
  uint32_t second = Load32(std::string_view(head_).substr(4));
  head_.clear();
  flags_ = static_cast<uint8_t>(second >> 24);
  left_ = second & 0xffffff;
  control_ = first >> 31;
  in_frame_ = true;
  if (!control_) {
    stream_ = first & kIdMask;
    if (stream_ == 0) return InvalidArgument("SPDY: data of stream 0");
    return {};
  }
  if ((first >> 16 & 0x7fff) != 3) return InvalidArgument("SPDY: not version 3");
  if (left_ > kMaxControl) return InvalidArgument("SPDY: a control frame is too large");
  type_ = static_cast<uint16_t>(first);
  payload_.clear();
  return {};
}

Result<> Parser::OnControl() {
  std::string payload = std::move(payload_);
  payload_.clear();
  auto needs = [&](size_t size) -> Result<> {
    if (payload.size() >= size) return {};
    return InvalidArgument("SPDY: a control frame is too short");
  };
  switch (type_) {
    case kSynStream: return OnSynStream(payload);
    case kSynReply:
    case kHeaders:
      TRYV(needs(4));
      (void)TRY(inflater_.Read(std::string_view(payload).substr(4)));
      return {};
    case kRstStream:
      TRYV(needs(8));
      handler_.OnReset(Load32(payload) & kIdMask);
      return {};
    case kSettings:
      TRYV(needs(4));
      if (payload.size() != 4 + 8ull * Load32(payload)) return InvalidArgument("SPDY: malformed settings");
      return {};
    case kPing:
      TRYV(needs(4));
      // Even ones are answers to pings of ours.
      if (uint32_t id = Load32(payload); id % 2 == 1) handler_.OnPing(id);
      return {};
    default: return {};
  }
}

Result<> Parser::OnSynStream(std::string_view payload) {
  constexpr size_t kFixed = 10;
  if (payload.size() < kFixed) return InvalidArgument("SPDY: a control frame is too short");
  uint32_t id = Load32(payload) & kIdMask;
  uint8_t flags = flags_;
  Headers headers = TRY(inflater_.Read(payload.substr(kFixed)));
  if (id % 2 == 0 || id <= last_stream_) return InvalidArgument("SPDY: a stream's number goes backwards");
  last_stream_ = id;
  handler_.OnStream(id, headers);
  if (flags & kFin) handler_.OnData(id, {}, true);
  return {};
}

std::string DataHead(uint32_t stream, size_t size, bool fin) {
  std::string out;
  Store32(out, stream);
  Store32(out, (fin ? 1u << 24 : 0) | static_cast<uint32_t>(size));
  return out;
}

std::string SynReply(uint32_t stream, bool first) {
  // zlib's head with the dictionary's checksum, then a stored block of "no headers" and an empty one: the sync flush.
  static constexpr std::string_view kBlock("\x78\xF9\xE3\xC6\xA7\xC2\x00\x04\x00\xFB\xFF\x00\x00\x00\x00\x00\x00\x00\xFF\xFF",
                                           20);
  std::string_view block = first ? kBlock : kBlock.substr(6);
  std::string out = Control(kSynReply, 4 + block.size());
  Store32(out, stream);
  out.append(block);
  return out;
}

std::string SynStream(uint32_t stream, const Headers& headers, bool first) {
  std::string text;
  Store32(text, static_cast<uint32_t>(headers.size()));
  for (const auto& [name, value] : headers) {
    Store32(text, static_cast<uint32_t>(name.size()));
    text.append(name);
    Store32(text, static_cast<uint32_t>(value.size()));
    text.append(value);
  }
  // One stored block: its size twice, little-endian, the second time inverted.
  auto size = static_cast<uint16_t>(text.size());
  std::string block = first ? "\x78\xF9\xE3\xC6\xA7\xC2" : "";
  block.push_back('\0');
  for (uint16_t one : {size, static_cast<uint16_t>(~size)})
    for (int shift : {0, 8}) block.push_back(static_cast<char>(one >> shift));
  std::string out = Control(kSynStream, 10 + block.size() + text.size());
  Store32(out, stream);
  Store32(out, 0);
  out.append(2, '\0');
  return out.append(block).append(text);
}

std::string Reset(uint32_t stream, uint32_t status) {
  std::string out = Control(kRstStream, 8);
  Store32(out, stream);
  Store32(out, status);
  return out;
}

std::string Ping(uint32_t id) {
  std::string out = Control(kPing, 4);
  Store32(out, id);
  return out;
}

std::string GoAway(uint32_t last_stream) {
  std::string out = Control(kGoAway, 8);
  Store32(out, last_stream);
  Store32(out, 0);
  return out;
}

}  // namespace cradle::streaming::spdy
