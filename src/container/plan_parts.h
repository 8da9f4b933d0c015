// The parts that plans are made of, as wire fields, and the checks that all of them share. Only
// plan.cpp and plan_parts.cpp include this.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/wire.h"
#include "container/plan.h"

namespace cradle::container {

inline constexpr size_t kMaxLayers = 500;  // overlayfs' own

// What a plan's reader found wrong. The first mistake counts.
class Checks {
 public:
  // Text that becomes a C string: a zero byte would cut it.
  std::string Text(std::string_view field, const wire::Reader& reader) {
    if (reader.View().find('\0') != std::string_view::npos) Refuse(field, "holds a zero byte");
    return reader.Str();
  }
  // An absolute path.
  std::string Path(std::string_view field, const wire::Reader& reader) {
    std::string path = Text(field, reader);
    if (path.empty() || path[0] != '/') Refuse(field, "is not an absolute path");
    return path;
  }
  template <class T = uint32_t>
  T Number(std::string_view field, wire::Reader& reader, uint64_t max) {
    uint64_t value = reader.U64();
    if (value > max) Refuse(field, "is out of range");
    return static_cast<T>(value);
  }
  template <class E>
  E Choice(std::string_view field, wire::Reader& reader, E last) {
    return Number<E>(field, reader, static_cast<uint64_t>(last));
  }
  int Score(wire::Reader& reader) {
    int64_t value = reader.I64();
    if (value < -1000 || value > 1000) Refuse("oom_score_adj", "is out of range");
    return static_cast<int>(std::clamp<int64_t>(value, -1000, 1000));
  }
  template <class T>
  T Nested(std::string_view field, Result<T> decoded) {
    if (decoded.ok()) return std::move(*decoded);
    Refuse(field, decoded.error().text());
    return T();
  }
  void Require(std::string_view field, bool holds, std::string_view why) {
    if (!holds) Refuse(field, why);
  }
  template <class T>
  Result<T> Finish(std::string_view name, const wire::Reader& reader, T value) {
    if (!reader.ok()) return InvalidArgument(Cat(name, ": malformed"));
    if (!wrong_.empty()) return InvalidArgument(Cat(name, ": ", wrong_));
    return value;
  }

 private:
  void Refuse(std::string_view field, std::string_view why) {
    if (wrong_.empty()) wrong_ = Cat(field, " ", why);
  }
  std::string wrong_;
};

using Pair = std::pair<std::string, std::string>;

std::string Encode(const Pair& pair);
std::string Encode(const MountPlan& mount);
std::string Encode(const DevicePlan& device);
std::string Encode(const ProcessPlan& process);
std::string Encode(const UserNamespace& users);
Result<Pair> DecodePair(std::string_view bytes);
Result<MountPlan> DecodeMount(std::string_view bytes);
Result<DevicePlan> DecodeDevice(std::string_view bytes);
Result<ProcessPlan> DecodeProcess(std::string_view bytes);
Result<UserNamespace> DecodeUserNamespace(std::string_view bytes);

}  // namespace cradle::container
