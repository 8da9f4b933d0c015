// Decompressor: a compressed stream pushed in, the plain one put into a sink's own memory. What it is follows from its
// first bytes, never from a media type: gzip (any number of members, by ISA-L), zstd (frames, also skippable ones), or a
// plain tar. One thread. Fails on corrupt data, on a cut stream, and at the limits on size and ratio.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "unpack/limits.h"
#include "unpack/stream.h"

namespace cradle::unpack {

class Decompressor {
 public:
  // `sink` outlives it.
  Decompressor(const Limits& limits, Sink& sink) : out_(limits, sink) {}
  ~Decompressor();

  Result<> Push(std::string_view bytes);
  // The input has ended.
  Result<> Finish();

  // One format.
  class Codec {
   public:
    virtual ~Codec() = default;
    virtual Result<> Push(std::string_view bytes, Sink& out) = 0;
    virtual Result<> Finish() = 0;  // an error when the stream is cut
  };

 private:
  // Fails at the limits.
  class CountedSink : public Sink {
   public:
    CountedSink(const Limits& limits, Sink& sink) : limits_(limits), sink_(sink) {}
    void CountIn(size_t bytes) { in_ += bytes; }
    Result<std::span<char>> Room() override { return sink_.Room(); }
    Result<> Fill(size_t bytes) override;

   private:
    const Limits limits_;
    Sink& sink_;
    uint64_t in_ = 0, out_ = 0;
  };
  Result<> Detect();

  CountedSink out_;
  std::string head_;  // the first bytes, until the format is known
  std::unique_ptr<Codec> codec_;
};

}  // namespace cradle::unpack
