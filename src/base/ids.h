// Ids are types: a PodId where a ContainerId is wanted does not compile.
// Pods and containers: 64 lower-case hex digits, 256 random bits (getrandom). The kubelet parses them out of names and
// allows no '-'. Digests: "sha256:" and 64 hex digits.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cradle {

template <class Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string value) : value_(std::move(value)) {}
  const std::string& str() const { return value_; }
  bool empty() const { return value_.empty(); }
  // The first 12 characters, for people.
  std::string_view shorter() const { return std::string_view(value_).substr(0, 12); }
  auto operator<=>(const Id&) const = default;

 private:
  std::string value_;
};

using PodId = Id<struct PodTag>;
using ContainerId = Id<struct ContainerTag>;

// 64 random hex digits.
std::string RandomHex64();
// True for 1 to 64 lower-case hex digits: what may be an id or the beginning of one.
bool IsHexPrefix(std::string_view text);
// True for exactly "sha256:" and 64 lower-case hex digits.
bool IsSha256Digest(std::string_view text);

}  // namespace cradle

template <class Tag>
struct std::hash<cradle::Id<Tag>> {
  size_t operator()(const cradle::Id<Tag>& id) const { return std::hash<std::string>()(id.str()); }
};
