#include "streaming/http_head.h"

#include <algorithm>

namespace cradle::streaming {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// RFC 9110: a letter, a digit or one of these.
bool IsTokenByte(char c) {
  c = Lower(c);
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool IsToken(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenByte); }

bool IsValueByte(char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f); }
bool IsTargetByte(char c) { return c > 0x20 && c < 0x7f; }

std::string_view Trim(std::string_view text) {
  size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

Result<> ParseRequestLine(std::string_view line, Head& head) {
  size_t first = line.find(' ');
  size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return InvalidArgument("malformed request line");
  std::string_view target = line.substr(first + 1, last - first - 1);
  if (line.substr(last + 1) != "HTTP/1.1") return InvalidArgument("only HTTP/1.1 is spoken here");
  head.method = std::string(line.substr(0, first));
  if (!IsToken(head.method) || !target.starts_with('/') || !std::all_of(target.begin(), target.end(), IsTargetByte))
    return InvalidArgument("malformed request line");
  head.path = std::string(target.substr(0, target.find('?')));
  return {};
}

Result<> ParseField(std::string_view line, Head& head) {
  if (head.fields.size() >= kMaxHeadFields) return InvalidArgument("too many header fields");
  size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon)))
    return InvalidArgument("malformed header field");
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), Lower);
  std::string_view value = Trim(line.substr(colon + 1));
  if (!std::all_of(value.begin(), value.end(), IsValueByte)) return InvalidArgument("malformed header field");
  head.fields.emplace_back(std::move(name), std::string(value));
  return {};
}

Result<> CheckNoBody(const Head& head) {
  std::string_view length = head.Find("content-length");
  if (head.Find("transfer-encoding").empty() && (length.empty() || length == "0")) return {};
  return InvalidArgument("a body isn't expected");
}

}  // namespace

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return Lower(x) == Lower(y); });
}

std::string_view Head::Find(std::string_view name) const {
  for (const auto& [key, value] : fields)
    if (key == name) return value;
  return {};
}

std::vector<std::string_view> Head::FindList(std::string_view name) const {
  std::vector<std::string_view> out;
  for (const auto& [key, value] : fields) {
    if (key != name) continue;
    std::string_view rest = value;
    for (;;) {
      size_t comma = rest.find(',');
      if (std::string_view one = Trim(rest.substr(0, comma)); !one.empty()) out.push_back(one);
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return out;
}

Result<std::optional<Head>> ParseHead(std::string_view bytes) {
  size_t end = bytes.substr(0, kMaxHead).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() >= kMaxHead) return Error(Code::kResourceExhausted, "the request's head is too long");
    return std::optional<Head>();
  }
  Head head;
  head.size = end + 4;
  std::string_view rest = bytes.substr(0, end + 2);
  for (bool first = true; !rest.empty(); first = false) {
    size_t line = rest.find("\r\n");
    TRYV(first ? ParseRequestLine(rest.substr(0, line), head) : ParseField(rest.substr(0, line), head));
    rest.remove_prefix(line + 2);
  }
  TRYV(CheckNoBody(head));
  return std::optional<Head>(std::move(head));
}

}  // namespace cradle::streaming
