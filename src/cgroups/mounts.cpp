#include "cgroups/mounts.h"

#include <algorithm>
#include <set>

#include "cgroups/values.h"

namespace cradle::cgroups {
namespace {

// The kernel writes space, tab, newline and backslash of a path as \ and three octal digits.
std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    auto octal = [&](size_t i) { return text[at + i] >= '0' && text[at + i] <= '7'; };
    if (text[at] == '\\' && at + 3 < text.size() && octal(1) && octal(2) && octal(3)) {
      out += static_cast<char>((text[at + 1] - '0') * 64 + (text[at + 2] - '0') * 8 +
                               (text[at + 3] - '0'));
      at += 3;
    } else {
      out += text[at];
    }
  }
  return out;
}

// Of the superblock's options, those that say which hierarchy it is.
std::vector<std::string> Controllers(std::string_view options) {
  static constexpr std::string_view kOthers[] = {"rw",           "ro",
                                                 "xattr",        "clone_children",
                                                 "noprefix",     "cpuset_v2_mode",
                                                 "favordynmods", "nofavordynmods"};
  std::vector<std::string> out;
  for (std::string_view option : Split(options, ','))
    if (std::ranges::find(kOthers, option) == std::end(kOthers) &&
        !option.starts_with("release_agent="))
      out.emplace_back(option);
  return out;
}

}  // namespace

Layout ParseMounts(std::string_view mountinfo) {
  Layout layout;
  std::set<std::string_view> seen;  // "major:minor": a hierarchy may be mounted many times
  for (std::string_view line : Split(mountinfo, '\n')) {
    // id parent major:minor root dir options [optional]... - type source super-options
    std::vector<std::string_view> fields = Split(line, ' ');
    auto dash = std::ranges::find(fields, "-");
    if (dash - fields.begin() < 6 || fields.end() - dash < 4) continue;
    std::string_view type = dash[1];
    if (type != "cgroup" && type != "cgroup2") continue;
    if (!seen.insert(fields[2]).second) continue;
    if (type == "cgroup2")
      layout.v2 = Unescape(fields[4]);
    else
      layout.v1.push_back({Unescape(fields[4]), Controllers(dash[3])});
  }
  return layout;
}

}  // namespace cradle::cgroups
