#include "lxcfs/text.h"

#include <algorithm>
#include <charconv>

namespace cradle::lxcfs {
namespace {

std::string_view Format(uint64_t value, char (&buffer)[20]) {
  auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, static_cast<size_t>(end - buffer)};
}

}  // namespace

bool NextLine(std::string_view& text, std::string_view& line) {
  if (text.empty()) return false;
  size_t end = text.find('\n');
  line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return true;
}

std::string_view NextWord(std::string_view& line) {
  auto blank = [](char c) { return c == ' ' || c == '\t'; };
  const char* begin = std::find_if_not(line.begin(), line.end(), blank);
  const char* end = std::find_if(begin, line.end(), blank);
  line.remove_prefix(static_cast<size_t>(end - line.begin()));
  return {begin, end};
}

uint64_t LeadingNumber(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t");
  uint64_t value = 0;
  if (begin == text.npos) return 0;
  auto read = std::from_chars(text.data() + begin, text.data() + text.size(), value);
  return read.ec == std::errc::result_out_of_range ? UINT64_MAX : value;
}

void AppendNumber(uint64_t value, std::string& out) {
  char buffer[20];
  out += Format(value, buffer);
}

void AppendPadded(uint64_t value, size_t width, std::string& out) {
  char buffer[20];
  std::string_view digits = Format(value, buffer);
  if (digits.size() < width) out.append(width - digits.size(), ' ');
  out += digits;
}

void AppendHundredths(uint64_t value, std::string& out) {
  AppendNumber(value / 100, out);
  out += '.';
  out += static_cast<char>('0' + value / 10 % 10);
  out += static_cast<char>('0' + value % 10);
}

}  // namespace cradle::lxcfs
