// The head of an HTTP/1.1 request, strictly: CRLF line ends, no folding, no body. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace cradle::streaming {

inline constexpr size_t kMaxHead = 16 * 1024;
inline constexpr size_t kMaxHeadFields = 100;

struct Head {
  std::string method;
  std::string path;  // of the target, without its query
  std::vector<std::pair<std::string, std::string>> fields;  // names in lower case, values without outer blanks
  size_t size = 0;   // bytes, with the blank line at its end

  // The first one's; empty when there is none.
  std::string_view Find(std::string_view name) const;
  // The elements of all fields of that name, which are lists separated by commas.
  std::vector<std::string_view> FindList(std::string_view name) const;
};

// Nothing: more bytes are needed. An error: this can't become a request (too long, malformed).
Result<std::optional<Head>> ParseHead(std::string_view bytes);

// Of ASCII letters.
bool EqualsIgnoringCase(std::string_view a, std::string_view b);

}  // namespace cradle::streaming
