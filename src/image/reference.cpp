#include "image/reference.h"

#include <algorithm>

#include "base/ids.h"

namespace cradle::image {
namespace {

constexpr std::string_view kHub = "docker.io";
constexpr std::string_view kSha256 = "sha256:";
constexpr size_t kMaxName = 255, kMaxTag = 128, kMinIdDigits = 6;

bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool IsAlnum(char c) { return IsLowerOrDigit(c) || (c >= 'A' && c <= 'Z'); }
bool IsDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "a", "a-b": what stands between the dots of a host.
bool IsHostLabel(std::string_view label) {
  if (label.empty() || label.front() == '-' || label.back() == '-') return false;
  return std::all_of(label.begin(), label.end(), [](char c) { return IsAlnum(c) || c == '-'; });
}

bool IsIpv6(std::string_view host) {
  return host.size() > 2 && host.front() == '[' && host.back() == ']' &&
         host.find_first_not_of("0123456789abcdefABCDEF:", 1) == host.size() - 1;
}

template <class Check>
bool EachPart(std::string_view text, char separator, Check check) {
  for (;;) {
    size_t end = text.find(separator);
    if (!check(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

bool IsDomain(std::string_view domain) {
  size_t colon = domain.rfind(':');
  if (colon != std::string_view::npos && domain.back() != ']') {
    if (!IsDigits(domain.substr(colon + 1))) return false;
    domain = domain.substr(0, colon);
  }
  return IsIpv6(domain) || EachPart(domain, '.', IsHostLabel);
}

// Letters and digits, separated by ".", "_", "__" or any number of "-".
bool IsPathPart(std::string_view part) {
  if (part.empty() || !IsLowerOrDigit(part.front()) || !IsLowerOrDigit(part.back())) return false;
  for (size_t i = 0; i < part.size();) {
    size_t end = i;
    while (end < part.size() && !IsLowerOrDigit(part[end])) ++end;
    std::string_view separator = part.substr(i, end - i);
    bool dashes = separator.find_first_not_of('-') == std::string_view::npos;
    if (!separator.empty() && !dashes && separator != "." && separator != "_" && separator != "__") return false;
    i = end + 1;
  }
  return true;
}

bool IsTag(std::string_view tag) {
  if (tag.empty() || tag.size() > kMaxTag || (!IsAlnum(tag.front()) && tag.front() != '_')) return false;
  return std::all_of(tag.begin(), tag.end(), [](char c) { return IsAlnum(c) || c == '_' || c == '.' || c == '-'; });
}

// Whether the part before the first slash is a host.
bool NamesHost(std::string_view first) {
  return first.find_first_of(".:[") != std::string_view::npos || first == "localhost" ||
         std::any_of(first.begin(), first.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

Error Bad(std::string_view text, std::string_view why) {
  return InvalidArgument(Cat("image reference \"", text.substr(0, kMaxName), "\": ", why));
}

}  // namespace

Result<Reference> ParseReference(std::string_view text) {
  Reference out;
  std::string_view rest = text;
  if (rest.empty()) return Bad(text, "is empty");
  if (rest.size() == 64 && IsHexPrefix(rest)) return Bad(text, "is an image id, not a name");
  if (size_t at = rest.find('@'); at != std::string_view::npos) {
    out.digest = rest.substr(at + 1);
    if (!IsSha256Digest(out.digest)) return Bad(text, "the digest is not sha256: and 64 hex digits");
    rest = rest.substr(0, at);
  }
  size_t slash = rest.find('/');
  if (slash != std::string_view::npos && NamesHost(rest.substr(0, slash))) {
    out.domain = rest.substr(0, slash);
    rest.remove_prefix(slash + 1);
  } else {
    out.domain = kHub;
  }
  if (out.domain == "index.docker.io") out.domain = kHub;
  if (size_t colon = rest.rfind(':'); colon != std::string_view::npos) {
    out.tag = rest.substr(colon + 1);
    if (!IsTag(out.tag)) return Bad(text, "the tag is malformed");
    rest = rest.substr(0, colon);
  }
  out.repository = rest;
  if (!IsDomain(out.domain)) return Bad(text, "the host is malformed");
  if (!EachPart(rest, '/', IsPathPart)) return Bad(text, "the name is malformed (lower case letters and digits only)");
  if (out.domain == kHub && rest.find('/') == std::string_view::npos)
    out.repository = Cat("library/", out.repository);
  if (out.Name().size() > kMaxName) return Bad(text, "the name is longer than 255 bytes");
  if (!out.digest.empty()) out.tag.clear();
  else if (out.tag.empty()) out.tag = "latest";
  return out;
}

std::string_view IdDigits(std::string_view text) {
  if (text.starts_with(kSha256)) text.remove_prefix(kSha256.size());
  if (text.size() < kMinIdDigits || !IsHexPrefix(text)) return {};
  return text;
}

}  // namespace cradle::image
