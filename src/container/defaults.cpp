#include "container/defaults.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/sys/file.h"

namespace cradle::container {
namespace {

constexpr size_t kMaxZoneFile = 1 << 20;

struct Name {
  std::string_view name;
  int resource;
};
constexpr Name kNames[] = {
    {"as", RLIMIT_AS},         {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},     {"fsize", RLIMIT_FSIZE},       {"locks", RLIMIT_LOCKS},
    {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC},       {"rss", RLIMIT_RSS},
    {"rtprio", RLIMIT_RTPRIO}, {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK}};

bool ParseLimit(std::string_view text, uint64_t& value) {
  if (text == "unlimited") {
    value = RLIM_INFINITY;
    return true;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace

Result<Rlimit> ParseRlimit(const std::string& text) {
  const std::string_view all = text;
  const size_t equals = std::min(all.find('='), all.size());
  const std::string_view values = all.substr(std::min(equals + 1, all.size()));
  const size_t colon = std::min(values.find(':'), values.size());
  const std::string_view hard = colon < values.size() ? values.substr(colon + 1) : values;
  Rlimit limit;
  limit.resource = -1;
  for (const Name& one : kNames)
    if (one.name == all.substr(0, equals)) limit.resource = one.resource;
  if (limit.resource < 0) return InvalidArgument(Cat("\"", text, "\": no such limit"));
  if (!ParseLimit(values.substr(0, colon), limit.soft) || !ParseLimit(hard, limit.hard) || limit.soft > limit.hard)
    return InvalidArgument(Cat("\"", text, "\": must be NAME=SOFT:HARD, SOFT not above HARD"));
  return limit;
}

Result<> CheckEnvEntry(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals != std::string::npos && equals > 0 && text.find('\0') == std::string::npos) return {};
  return InvalidArgument(Cat("\"", text.substr(0, 64), "\": must be NAME=VALUE"));
}

Result<std::string> FindTimezone(const std::string& name) {
  if (name.empty()) return std::string();
  if (name != "Local" && (name.starts_with('/') || name.find("..") != std::string::npos || name.find('\0') != name.npos))
    return InvalidArgument(Cat("timezone \"", name, "\": no name of a zone"));
  const std::string path = name == "Local" ? "/etc/localtime" : Cat("/usr/share/zoneinfo/", name);
  const auto file = sys::ReadFile(kCwd, path, kMaxZoneFile);
  if (!file.ok()) return InvalidArgument(Cat("timezone \"", name, "\": ", file.error().text()));
  if (!file->starts_with("TZif")) return InvalidArgument(Cat("timezone \"", name, "\": ", path, " is no zone file"));
  return path;
}

}  // namespace cradle::container
