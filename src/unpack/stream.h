// The plain bytes of an archive, block by block, from whoever makes them to whoever reads them.
//
// Source: what the tar reader pulls from. BlockQueue: a bounded queue between two threads, one that inflates and one
// that writes files; it holds at most kBlocks blocks.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
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

class BlockQueue : public Source {
 public:
  // The making side. Put fails when the reader has given up, with its reason.
  Result<> Put(std::string_view bytes);
  void End(std::optional<Error> error);

  // The reading side.
  Result<std::string_view> Take(size_t max) override;
  void GiveUp(Error why);

 private:
  static constexpr size_t kBlocks = 4;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> blocks_;
  std::vector<std::string> spare_;  // used up, kept for their memory
  bool ended_ = false;
  std::optional<Error> error_, given_up_;

  std::string current_;  // the reader's
  size_t at_ = 0;
};

}  // namespace cradle::unpack
