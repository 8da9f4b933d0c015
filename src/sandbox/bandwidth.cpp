#include "sandbox/bandwidth.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace cradle::sandbox {
namespace {

constexpr uint64_t kLeast = 1'000, kMost = 1'000'000'000'000'000;  // the kubelet's bounds
constexpr uint64_t kBurst = 0x7fffffff;                            // bits: no further limit
constexpr size_t kMaxDigits = 32;

// For errors: whatever the annotation holds, one short line.
std::string Shown(std::string_view text) {
  std::string out(text.substr(0, kMaxDigits));
  std::ranges::replace_if(out, [](unsigned char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

// What a suffix multiplies by; NaN for none of them.
double Factor(std::string_view suffix) {
  constexpr std::array<std::pair<std::string_view, double>, 16> kSuffixes = {{{"", 1}, {"n", 1e-9}, {"u", 1e-6},
      {"m", 1e-3}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"P", 1e15}, {"E", 1e18}, {"Ki", 0x1p10},
      {"Mi", 0x1p20}, {"Gi", 0x1p30}, {"Ti", 0x1p40}, {"Pi", 0x1p50}, {"Ei", 0x1p60}}};
  for (const auto& [name, factor] : kSuffixes)
    if (name == suffix) return factor;
  if (suffix.size() < 2 || suffix.size() > 4 || (suffix[0] != 'e' && suffix[0] != 'E')) return NAN;
  suffix.remove_prefix(suffix[1] == '+' ? 2 : 1);
  int exponent = 0;
  auto [end, error] = std::from_chars(suffix.data(), suffix.data() + suffix.size(), exponent);
  return error == std::errc() && end == suffix.data() + suffix.size() ? std::pow(10, exponent) : NAN;
}

}  // namespace

Result<uint64_t> ParseQuantity(std::string_view text) {
  const size_t length = std::min(text.find_first_not_of("0123456789."), text.size());
  double number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + length, number, std::chars_format::fixed);
  const bool whole = length > 0 && length <= kMaxDigits && error == std::errc() && end == text.data() + length;
  const double value = whole ? std::ceil(number * Factor(text.substr(length))) : NAN;
  if (std::isnan(value)) return InvalidArgument(Cat("\"", Shown(text), "\" is not a quantity"));
  if (value >= 0x1p63) return InvalidArgument(Cat("\"", Shown(text), "\" is too large"));
  return static_cast<uint64_t>(value);
}

Result<std::string> BandwidthCapability(const StringMap& annotations) {
  std::string json;
  for (const char* way : {"ingress", "egress"}) {
    const std::string name = Cat("kubernetes.io/", way, "-bandwidth");
    auto at = annotations.find(name);
    if (at == annotations.end()) continue;
    const std::string context = Cat("annotation ", name);
    const uint64_t rate = TRY(ParseQuantity(at->second).With(context));
    if (rate < kLeast || rate > kMost)
      return InvalidArgument(Cat(context, ": \"", Shown(at->second), "\" is not in 1k-1P bits per second"));
    json += Cat(json.empty() ? "{\"" : ",\"", way, "Rate\":", std::to_string(rate), ",\"", way,
                "Burst\":", std::to_string(kBurst));
  }
  return json.empty() ? json : json + "}";
}

}  // namespace cradle::sandbox
