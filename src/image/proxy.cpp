#include "image/proxy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

namespace cradle::image {
namespace {

std::string Variable(const char* lower, const char* upper) {
  for (const char* name : {lower, upper})
    if (const char* value = std::getenv(name); value && *value) return value;
  return {};
}

struct HostPort {
  std::string host, port;  // host: lower case, without brackets
};
HostPort Split(std::string_view text) {
  HostPort out;
  size_t end = text.starts_with('[') ? text.find(']') : text.find(':');
  // More than one colon and no brackets: an IPv6 address.
  if (!text.starts_with('[') && end != text.rfind(':')) end = std::string_view::npos;
  if (text.starts_with('[') && end != std::string_view::npos) {
    out.host = text.substr(1, end - 1);
    ++end;
  } else {
    out.host = text.substr(0, end);
  }
  if (end < text.size() && text[end] == ':') out.port = text.substr(end + 1);
  std::transform(out.host.begin(), out.host.end(), out.host.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

using Address = std::vector<unsigned char>;  // 4 or 16 bytes
std::optional<Address> ParseAddress(const std::string& text) {
  unsigned char bytes[16];
  if (::inet_pton(AF_INET, text.c_str(), bytes) == 1) return Address(bytes, bytes + 4);
  if (::inet_pton(AF_INET6, text.c_str(), bytes) == 1) return Address(bytes, bytes + 16);
  return {};
}

bool InRange(const Address& address, const std::string& range) {
  size_t slash = range.find('/');
  auto base = ParseAddress(range.substr(0, slash));
  size_t bits = std::strtoul(range.c_str() + slash + 1, nullptr, 10);
  if (!base || base->size() != address.size() || bits > address.size() * 8) return false;
  for (size_t i = 0; i < bits; ++i)
    if (((address[i / 8] ^ (*base)[i / 8]) >> (7 - i % 8)) & 1) return false;
  return true;
}

bool IsThisMachine(const HostPort& where, const std::optional<Address>& address) {
  if (where.host == "localhost") return true;
  if (!address) return false;
  if (address->size() == 4) return address->front() == 127;
  return std::count(address->begin(), address->end(), 0) == 15 && address->back() == 1;
}

bool Matches(std::string_view rule, const HostPort& where, const std::optional<Address>& address) {
  if (rule == "*") return true;
  if (rule.find('/') != std::string_view::npos) return address && InRange(*address, std::string(rule));
  HostPort excepted = Split(rule);
  if (!excepted.port.empty() && excepted.port != where.port) return false;
  if (address) return ParseAddress(excepted.host) == address;
  if (excepted.host.starts_with("*.")) excepted.host.erase(0, 1);
  if (excepted.host.starts_with('.')) return where.host.ends_with(excepted.host);
  return where.host == excepted.host || where.host.ends_with("." + excepted.host);
}

bool IsExcepted(const std::string& except, const HostPort& where) {
  auto address = ParseAddress(where.host);
  if (IsThisMachine(where, address)) return true;
  for (std::string_view rest = except; !rest.empty();) {
    size_t end = std::min(rest.find(','), rest.size());
    std::string_view rule = rest.substr(0, end);
    while (rule.starts_with(' ')) rule.remove_prefix(1);
    while (rule.ends_with(' ')) rule.remove_suffix(1);
    if (!rule.empty() && Matches(rule, where, address)) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

}  // namespace

Proxies ProxyEnvironment() {
  return {Variable("http_proxy", "HTTP_PROXY"), Variable("https_proxy", "HTTPS_PROXY"),
          Variable("no_proxy", "NO_PROXY")};
}

std::string ProxyFor(const std::string& url, const Proxies& proxies) {
  bool https = url.starts_with("https://");
  const std::string& proxy = https ? proxies.https : proxies.http;
  if (proxy.empty()) return {};
  size_t begin = url.find("://") + 3;
  HostPort where = Split(std::string_view(url).substr(begin, url.find_first_of("/?#", begin) - begin));
  if (where.port.empty()) where.port = https ? "443" : "80";
  return IsExcepted(proxies.except, where) ? std::string() : proxy;
}

}  // namespace cradle::image
