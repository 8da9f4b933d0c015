// The resize stream: JSON objects one after the other, {"Width":80,"Height":24}, cut into pieces anywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cradle::streaming {

struct Size {
  uint16_t width = 0, height = 0;
};

class ResizeReader {
 public:
  // The last whole and usable size in what has come so far; sizes of 0 are none. What is no size is skipped.
  std::optional<Size> Feed(std::string_view piece);

 private:
  std::string object_;  // the one under way, at most 256 bytes
};

}  // namespace cradle::streaming
