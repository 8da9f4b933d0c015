// Decompressor: a compressed stream pushed in, the plain one pushed out. What it is follows from its first bytes, never
// from a media type: gzip (any number of members, by ISA-L), zstd (frames, also skippable ones), or a plain tar.
// One thread. Fails on corrupt data, on a cut stream, and at the limits on size and ratio.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "unpack/limits.h"

namespace cradle::unpack {

using Sink = std::function<Result<>(std::string_view)>;

class Decompressor {
 public:
  Decompressor(const Limits& limits, Sink sink);
  ~Decompressor();

  Result<> Push(std::string_view bytes);
  // The input has ended.
  Result<> Finish();

  // One format.
  class Codec {
   public:
    virtual ~Codec() = default;
    virtual Result<> Push(std::string_view bytes, const Sink& out) = 0;
    virtual Result<> Finish() = 0;  // an error when the stream is cut
  };

 private:
  Result<> Detect();
  Result<> Count(std::string_view plain);

  const Limits limits_;
  const Sink sink_;
  const Sink counted_;
  std::string head_;  // the first bytes, until the format is known
  std::unique_ptr<Codec> codec_;
  uint64_t in_ = 0, out_ = 0;
};

}  // namespace cradle::unpack
