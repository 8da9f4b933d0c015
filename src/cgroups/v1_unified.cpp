#include "cgroups/v1_unified.h"

#include <algorithm>

#include "cgroups/values.h"

namespace cradle::cgroups {
namespace {

using Writes = std::vector<V1Write>;
constexpr uint64_t kMaxWeight = 10000, kMaxBfqWeight = 1000;

Error Bad(std::string_view key, std::string_view value, std::string_view why) {
  return InvalidArgument(Cat("unified \"", key, "\": \"", value.substr(0, 256), "\": ", why));
}

V1Write WriteOf(const char* controller, std::string file, std::string value, std::string_view key, std::string_view said) {
  return {controller, std::move(file), std::move(value), Cat("unified \"", key, "\": \"", said, "\"")};
}

// v2's default, nothing protected, is v1's, no soft limit.
Result<Writes> MemoryLow(std::string_view key, std::string_view value) {
  bool none = value == "max" || value == "0";
  if (!none && !ParseNumber(value)) return Bad(key, value, "must be a number of bytes or max");
  return Writes{WriteOf("memory", "memory.soft_limit_in_bytes", none ? "-1" : std::string(value), key, value)};
}

Result<Writes> IoWeight(std::string_view key, std::string_view value) {
  constexpr std::string_view kDefault = "default ";
  std::string_view number = value.starts_with(kDefault) ? value.substr(kDefault.size()) : value;
  auto weight = ParseNumber(number);
  if (!weight || *weight < 1 || *weight > kMaxWeight)
    return Bad(key, value, "must be between 1 and 10000; cgroup v1 has one weight for all devices");
  return Writes{WriteOf("blkio", "blkio.bfq.weight", std::to_string(std::min(*weight, kMaxBfqWeight)), key, value)};
}

const char* ThrottleFile(std::string_view name) {
  if (name == "rbps") return "blkio.throttle.read_bps_device";
  if (name == "wbps") return "blkio.throttle.write_bps_device";
  if (name == "riops") return "blkio.throttle.read_iops_device";
  return name == "wiops" ? "blkio.throttle.write_iops_device" : nullptr;
}

bool IsDevice(std::string_view text) {
  size_t colon = text.find(':');
  return colon != text.npos && ParseNumber(text.substr(0, colon)) && ParseNumber(text.substr(colon + 1));
}

// "8:0 rbps=1048576 wiops=max", a line for each device.
Result<Writes> IoMax(std::string_view key, std::string_view value) {
  Writes writes;
  for (std::string_view line : Split(value, '\n')) {
    auto words = Split(line, ' ');
    if (words.size() < 2 || !IsDevice(words.front())) return Bad(key, line, "must be MAJOR:MINOR and limits");
    for (std::string_view word : std::vector(words.begin() + 1, words.end())) {
      size_t equals = std::min(word.find('='), word.size());
      const char* file = ThrottleFile(word.substr(0, equals));
      std::string_view limit = word.substr(std::min(equals + 1, word.size()));
      if (!file || (limit != "max" && ParseNumber(limit).value_or(0) == 0))
        return Bad(key, line, "must be rbps, wbps, riops or wiops, = and a number or max");
      writes.push_back(WriteOf("blkio", file, Cat(words.front(), " ", limit == "max" ? "0" : limit), key, line));
    }
  }
  return writes;
}

}  // namespace

Result<Writes> PlanV1Unified(const std::map<std::string, std::string>& unified) {
  Writes all;
  for (const auto& [key, value] : unified) {
    Result<Writes> writes = key == "memory.low"  ? MemoryLow(key, Trim(value))
                            : key == "io.weight" ? IoWeight(key, Trim(value))
                            : key == "io.max"    ? IoMax(key, Trim(value))
                                                 : Result<Writes>(Bad(key, value, "this node's cgroup v1 has no such control"));
    if (!writes.ok()) return writes;
    all.insert(all.end(), writes->begin(), writes->end());
  }
  return all;
}

std::string PlanV1Restore(std::string_view file, std::string_view written, std::string_view before) {
  if (!file.ends_with("_device")) return std::string(Trim(before));
  std::string_view device = written.substr(0, written.find(' '));
  for (std::string_view line : Split(before, '\n'))
    if (line.substr(0, line.find(' ')) == device) return std::string(line);
  return Cat(device, " 0");
}

}  // namespace cradle::cgroups
