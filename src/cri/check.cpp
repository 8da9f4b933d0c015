#include "cri/check.h"

#include <arpa/inet.h>
#include <linux/limits.h>

#include <algorithm>

namespace cradle::cri {
namespace {

constexpr size_t kShown = 100;
constexpr size_t kMaxName = 253;
constexpr size_t kMaxHostname = 64;
constexpr int64_t kMaxId = 4294967294;

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool HasControl(std::string_view text) { return std::any_of(text.begin(), text.end(), IsControl); }

bool HasDotDot(std::string_view path) {
  while (!path.empty()) {
    size_t slash = path.find('/');
    if (path.substr(0, slash) == "..") return true;
    if (slash == path.npos) break;
    path.remove_prefix(slash + 1);
  }
  return false;
}

}  // namespace

std::string Quoted(std::string_view value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "\"";
  for (char c : value.substr(0, kShown)) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '"') {
      out.push_back(c);
    } else {
      out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  out += value.size() > kShown ? "...\"" : "\"";
  return out;
}

Error Bad(std::string_view field, std::string_view value, std::string_view wrong) {
  return InvalidArgument(Cat(field, ": ", Quoted(value), ": ", wrong));
}

Error Bad(std::string_view field, int64_t value, std::string_view wrong) {
  return InvalidArgument(Cat(field, ": ", std::to_string(value), ": ", wrong));
}

std::string Indexed(std::string_view field, int index) {
  return Cat(field, "[", std::to_string(index), "]");
}

Result<> CheckName(std::string_view field, std::string_view value) {
  if (value.empty()) return Bad(field, value, "must not be empty");
  if (value.size() > kMaxName) return Bad(field, value, "must be at most 253 bytes long");
  if (HasControl(value) || value.find_first_of("/;=") != value.npos) {
    return Bad(field, value, "must not contain control bytes, '/', ';' or '='");
  }
  return {};
}

Result<> CheckLine(std::string_view field, std::string_view value) {
  if (HasControl(value)) return Bad(field, value, "must not contain control bytes");
  return {};
}

Result<> CheckWord(std::string_view field, std::string_view value) {
  if (value.empty()) return Bad(field, value, "must not be empty");
  if (HasControl(value) || value.find(' ') != value.npos) {
    return Bad(field, value, "must not contain control bytes or blanks");
  }
  return {};
}

Result<> CheckNoNul(std::string_view field, std::string_view value) {
  if (value.find('\0') != value.npos) return Bad(field, value, "must not contain a NUL byte");
  return {};
}

Result<> CheckHostname(std::string_view field, std::string_view value) {
  if (value.empty()) return {};
  if (value.size() > kMaxHostname) return Bad(field, value, "must be at most 64 bytes long");
  bool known = std::all_of(value.begin(), value.end(),
                           [](char c) { return IsAlnum(c) || c == '-' || c == '_' || c == '.'; });
  if (!known || !IsAlnum(value.front()) || !IsAlnum(value.back())) {
    return Bad(field, value,
               "must consist of letters, digits, '-', '_' and '.', with a letter or digit at both "
               "ends");
  }
  return {};
}

Result<> CheckIpAddress(std::string_view field, const std::string& value) {
  in6_addr address;
  if (value.find('\0') == value.npos && (inet_pton(AF_INET, value.c_str(), &address) == 1 ||
                                         inet_pton(AF_INET6, value.c_str(), &address) == 1)) {
    return {};
  }
  return Bad(field, value, "must be an IPv4 or IPv6 address");
}

Result<> CheckAbsolutePath(std::string_view field, std::string_view value) {
  if (!value.starts_with('/')) return Bad(field, value, "must be an absolute path");
  if (value.size() >= PATH_MAX) return Bad(field, value, "must be shorter than 4096 bytes");
  if (HasDotDot(value)) return Bad(field, value, "must not contain \"..\"");
  return CheckNoNul(field, value);
}

Result<uint32_t> CheckId(std::string_view field, int64_t value) {
  TRYV(CheckRange(field, value, 0, kMaxId));
  return static_cast<uint32_t>(value);
}

Result<> CheckHandler(std::string_view field, const std::string& value, const std::set<std::string>& configured) {
  if (configured.contains(value)) return {};
  return Bad(field, value, "this runtime handler is not configured");
}

Result<> CheckRange(std::string_view field, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return {};
  return Bad(field, value,
             Cat("must be between ", std::to_string(low), " and ", std::to_string(high)));
}

}  // namespace cradle::cri
