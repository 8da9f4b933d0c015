// The plain bytes of an archive, block by block, from whoever makes them to whoever reads them.
//
// Sink: what a decompressor fills in place. Source: what the tar reader pulls from. BlockQueue: both, a bounded queue between
// two threads, one that inflates and one that writes files. A block is passed on when it is full: few wake-ups, long writes.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cradle::unpack {

class Source {
 public:
  virtual ~Source() = default;
  // Between 1 and `max` bytes, valid until the next call; empty at the end.
  virtual Result<std::string_view> Take(size_t max) = 0;
};

class Sink {
 public:
  virtual ~Sink() = default;
  // Memory for one byte or more, valid until the next call.
  virtual Result<std::span<char>> Room() = 0;
  // So many bytes of that are there now.
  virtual Result<> Fill(size_t bytes) = 0;
};

class BlockQueue : public Sink, public Source {
 public:
  // The making side. Fails when the reader has given up, with its reason.
  Result<std::span<char>> Room() override;
  Result<> Fill(size_t bytes) override;
  void End(std::optional<Error> error);

  // The reading side.
  Result<std::string_view> Take(size_t max) override;
  void GiveUp(Error why);

 private:
  static constexpr size_t kBlocks = 4, kBlockBytes = 128 * 1024;
  struct Block {
    std::unique_ptr<char[]> bytes;
    size_t size = 0;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Block> blocks_;
  std::vector<Block> spare_;  // used up, kept for their memory
  bool ended_ = false;
  std::optional<Error> error_, given_up_;

  Block filling_;  // the maker's
  Block current_;  // the reader's
  size_t at_ = 0;
};

}  // namespace cradle::unpack
