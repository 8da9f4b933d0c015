#include "unpack/decompress.h"

#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

namespace cradle::unpack {
namespace {

constexpr std::string_view kGzipMagic("\x1f\x8b", 2);

class Plain : public Decompressor::Codec {
 public:
  Result<> Push(std::string_view bytes, Sink& out) override {
    while (!bytes.empty()) {
      std::span<char> room = TRY(out.Room());
      size_t part = std::min(room.size(), bytes.size());
      std::memcpy(room.data(), bytes.data(), part);
      bytes.remove_prefix(part);
      TRYV(out.Fill(part));
    }
    return {};
  }
  Result<> Finish() override { return {}; }
};

class Gzip : public Decompressor::Codec {
 public:
  Gzip() { StartMember(); }

  Result<> Push(std::string_view bytes, Sink& out) override {
    if (bytes.empty()) return {};
    // ISA-L takes its input as unsigned and not const; it doesn't write to it.
    state_.next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(bytes.data()));
    state_.avail_in = static_cast<uint32_t>(bytes.size());
    while (!ended_) {
      if (state_.block_state == ISAL_BLOCK_FINISH && !NextMember()) break;
      std::span<char> room = TRY(out.Room());
      state_.next_out = reinterpret_cast<uint8_t*>(room.data());
      state_.avail_out = static_cast<uint32_t>(room.size());
      if (int failed = isal_inflate(&state_); failed != ISAL_DECOMP_OK)
        return InvalidArgument(Cat("corrupt gzip data (ISA-L error ", std::to_string(failed), ")"));
      TRYV(out.Fill(room.size() - state_.avail_out));
      if (state_.avail_in == 0 && state_.avail_out > 0) break;
    }
    return {};
  }

  Result<> Finish() override {
    if (state_.block_state == ISAL_BLOCK_FINISH) return {};
    return InvalidArgument("gzip data ends early");
  }

 private:
  void StartMember() {
    uint8_t* next = state_.next_in;
    uint32_t available = state_.avail_in;
    isal_inflate_init(&state_);
    state_.crc_flag = ISAL_GZIP;
    state_.next_in = next;
    state_.avail_in = available;
  }

  // Behind a member: another one, or padding, which is left alone. False when there is nothing more to inflate now.
  bool NextMember() {
    while (state_.avail_in > 0 && matched_ < kGzipMagic.size()) {
      if (*state_.next_in != static_cast<uint8_t>(kGzipMagic[matched_])) {
        ended_ = true;
        return false;
      }
      ++matched_;
      ++state_.next_in;
      --state_.avail_in;
    }
    if (matched_ < kGzipMagic.size()) return false;
    matched_ = 0;
    // The magic may have come in two pieces: it is fed again from here.
    uint8_t* next = state_.next_in;
    uint32_t available = state_.avail_in;
    StartMember();
    uint8_t magic[2] = {0x1f, 0x8b}, nothing[1];
    state_.next_in = magic;
    state_.avail_in = sizeof magic;
    state_.next_out = nothing;
    state_.avail_out = sizeof nothing;
    (void)isal_inflate(&state_);  // takes the two bytes into its own buffer; makes nothing
    state_.next_in = next;
    state_.avail_in = available;
    return true;
  }

  inflate_state state_{};
  size_t matched_ = 0;  // of the next member's magic
  bool ended_ = false;  // padding: the rest is not ours
};

class Zstd : public Decompressor::Codec {
 public:
  Zstd() : stream_(ZSTD_createDStream()) {}
  ~Zstd() override { ZSTD_freeDStream(stream_); }

  Result<> Push(std::string_view bytes, Sink& out) override {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    for (;;) {
      std::span<char> room = TRY(out.Room());
      ZSTD_outBuffer made{room.data(), room.size(), 0};
      left_ = ZSTD_decompressStream(stream_, &made, &in);
      if (ZSTD_isError(left_))
        return InvalidArgument(Cat("corrupt zstd data: ", ZSTD_getErrorName(left_)));
      TRYV(out.Fill(made.pos));
      if (in.pos == in.size && (made.pos < made.size || left_ == 0)) return {};
    }
  }

  Result<> Finish() override {
    if (left_ == 0) return {};
    return InvalidArgument("zstd data ends early");
  }

 private:
  ZSTD_DStream* const stream_;
  size_t left_ = 1;  // 0: at the end of a frame
};

uint32_t LittleEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  return value;
}

bool IsZstd(std::string_view head) {
  if (head.size() < 4) return false;
  uint32_t magic = LittleEndian(head);
  return magic == ZSTD_MAGICNUMBER || (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

}  // namespace

Decompressor::~Decompressor() = default;

Result<> Decompressor::CountedSink::Fill(size_t bytes) {
  out_ += bytes;
  if (out_ > limits_.max_bytes)
    return Error(Code::kResourceExhausted,
                 Cat("larger than the limit of ", std::to_string(limits_.max_bytes), " bytes (image.max_layer_bytes)"));
  if (out_ > limits_.ratio_from && out_ / limits_.max_ratio > in_)
    return Error(Code::kResourceExhausted,
                 Cat("compressed beyond the limit of ", std::to_string(limits_.max_ratio), " to 1 (image.max_layer_ratio)"));
  return sink_.Fill(bytes);
}

Result<> Decompressor::Detect() {
  if (head_.starts_with(kGzipMagic)) codec_ = std::make_unique<Gzip>();
  else if (IsZstd(head_)) codec_ = std::make_unique<Zstd>();
  else codec_ = std::make_unique<Plain>();
  return codec_->Push(head_, out_);
}

Result<> Decompressor::Push(std::string_view bytes) {
  out_.CountIn(bytes.size());
  if (codec_) return codec_->Push(bytes, out_);
  head_.append(bytes);
  if (head_.size() < 4) return {};
  return Detect();
}

Result<> Decompressor::Finish() {
  if (!codec_) TRYV(Detect());
  return codec_->Finish();
}

}  // namespace cradle::unpack
