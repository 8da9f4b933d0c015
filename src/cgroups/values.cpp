#include "cgroups/values.h"

#include <charconv>

namespace cradle::cgroups {

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    std::string_view piece = text.substr(0, text.find(separator));
    if (!piece.empty()) out.push_back(piece);
    text.remove_prefix(std::min(piece.size() + 1, text.size()));
  }
  return out;
}

bool NextLine(std::string_view& text, std::string_view& line) {
  if (text.empty()) return false;
  line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return true;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\n')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

std::optional<uint64_t> ParseNumber(std::string_view text) {
  text = Trim(text);
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

uint64_t KeyedValue(std::string_view text, std::string_view key) {
  for (size_t at = text.find(key); at != text.npos; at = text.find(key, at + 1)) {
    std::string_view rest = text.substr(at + key.size());
    if ((at == 0 || text[at - 1] == '\n') && rest.starts_with(' '))
      return ParseNumber(rest.substr(0, rest.find('\n'))).value_or(0);
  }
  return 0;
}

std::optional<std::set<int>> ParseIdList(std::string_view text) {
  std::set<int> ids;
  for (std::string_view range : Split(Trim(text), ',')) {
    size_t dash = range.find('-');
    auto first = ParseNumber(range.substr(0, dash));
    auto last = dash == range.npos ? first : ParseNumber(range.substr(dash + 1));
    if (!first || !last || *first > *last || *last > 65535) return std::nullopt;
    for (uint64_t id = *first; id <= *last; ++id) ids.insert(static_cast<int>(id));
  }
  if (ids.empty()) return std::nullopt;
  return ids;
}

std::string HugepageName(uint64_t kib) {
  if (kib >= 1 << 20) return std::to_string(kib >> 20) + "GB";
  if (kib >= 1 << 10) return std::to_string(kib >> 10) + "MB";
  return std::to_string(kib) + "KB";
}

}  // namespace cradle::cgroups
