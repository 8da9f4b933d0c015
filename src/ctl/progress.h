// ProgressLines: what becomes of an image's layers while it is pulled. On a terminal a line per layer with a bar, drawn over
// itself; in a pipe a line when a layer is there. One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace cradle::ctl {

struct LayerProgress {
  std::string layer;  // its digest
  std::string phase;  // "waiting", "downloading", "unpacking", "done", "exists"
  uint64_t done = 0, total = 0;  // bytes; total 0: not known
};

class ProgressLines {
 public:
  enum class Style { kTerminal, kPipe };
  ProgressLines(Style style, std::function<void(const std::string&)> print) : style_(style), print_(std::move(print)) {}
  static ProgressLines OnStandardError();

  void Tell(const LayerProgress& news);
  // Stays above the lines of the layers.
  void Warn(const std::string& text);

 private:
  void Draw();

  const Style style_;
  const std::function<void(const std::string&)> print_;
  size_t drawn_ = 0;
  std::vector<LayerProgress> layers_;
};

}  // namespace cradle::ctl
