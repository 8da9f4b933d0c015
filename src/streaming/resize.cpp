#include "streaming/resize.h"

#include <cctype>
#include <charconv>

namespace cradle::streaming {
namespace {

constexpr size_t kMaxObject = 256;

// The number after `"name":`, in any case of letters as Go's reader takes them; 0 when there is none.
uint16_t Number(std::string_view object, std::string_view name) {
  auto lower = [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); };
  for (size_t at = 0; at + name.size() + 2 <= object.size(); ++at) {
    if (object[at] != '"' || object[at + name.size() + 1] != '"') continue;
    bool same = true;
    for (size_t i = 0; i < name.size(); ++i) same = same && lower(object[at + 1 + i]) == name[i];
    if (!same) continue;
    std::string_view rest = object.substr(at + name.size() + 2);
    size_t digit = rest.find_first_not_of(" \t\r\n:");
    if (digit == std::string_view::npos) return 0;
    uint16_t value = 0;
    auto parsed = std::from_chars(rest.data() + digit, rest.data() + rest.size(), value);
    return parsed.ec == std::errc() ? value : uint16_t{0};
  }
  return 0;
}

}  // namespace

std::optional<Size> ResizeReader::Feed(std::string_view piece) {
  std::optional<Size> last;
  for (char c : piece) {
    if (c == '{') object_.clear();
    if (object_.size() < kMaxObject) object_.push_back(c);
    if (c != '}') continue;
    Size size{Number(object_, "width"), Number(object_, "height")};
    if (size.width > 0 && size.height > 0) last = size;
    object_.clear();
  }
  return last;
}

}  // namespace cradle::streaming
