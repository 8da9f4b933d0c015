#include "cgroups/counters.h"

#include <fcntl.h>

#include <algorithm>

#include "base/sys/file.h"
#include "cgroups/values.h"

namespace cradle::cgroups {

void ParseBlkio(std::string_view text,
                const std::function<void(uint32_t, uint32_t, bool, uint64_t)>& add) {
  for (std::string_view line : Split(text, '\n')) {
    auto words = Split(line, ' ');
    if (words.size() != 3 || (words[1] != "Read" && words[1] != "Write")) continue;
    size_t colon = std::min(words[0].find(':'), words[0].size());
    auto major = ParseNumber(words[0].substr(0, colon));
    auto minor = ParseNumber(words[0].substr(std::min(colon + 1, words[0].size())));
    auto value = ParseNumber(words[2]);
    if (!major || !minor || !value) continue;
    add(static_cast<uint32_t>(*major), static_cast<uint32_t>(*minor), words[1] == "Write", *value);
  }
}

std::vector<Counters::Io> ParseIoStat(std::string_view text) {
  Counters out;
  for (std::string_view line : Split(text, '\n')) {
    auto words = Split(line, ' ');
    size_t colon = words.empty() ? line.npos : words[0].find(':');
    if (colon == line.npos) continue;
    auto major = ParseNumber(words[0].substr(0, colon)), minor = ParseNumber(words[0].substr(colon + 1));
    if (!major || !minor) continue;
    Counters::Io& io = IoOf(out, static_cast<uint32_t>(*major), static_cast<uint32_t>(*minor));
    for (std::string_view word : words) {
      size_t equals = std::min(word.find('='), word.size());
      uint64_t value = ParseNumber(word.substr(std::min(equals + 1, word.size()))).value_or(0);
      std::string_view key = word.substr(0, equals);
      if (key == "rbytes") io.read_bytes = value;
      if (key == "wbytes") io.write_bytes = value;
      if (key == "rios") io.reads = value;
      if (key == "wios") io.writes = value;
    }
  }
  return std::move(out.io);
}

std::vector<std::string> HugepageSizes(FdRef group, std::string_view file) {
  constexpr std::string_view kBegin = "hugetlb.";
  const std::string kEnd = Cat("B.", file);  // not those of reservations, "rsvd.usage_in_bytes"
  std::vector<std::string> sizes;
  auto dir = sys::OpenAt(group, ".", O_RDONLY | O_DIRECTORY);
  auto names = dir.ok() ? sys::ListDir(*dir) : Result<std::vector<std::string>>(dir.error());
  if (!names.ok()) return sizes;
  for (const std::string& name : *names)
    if (name.starts_with(kBegin) && name.ends_with(kEnd))
      sizes.push_back(name.substr(kBegin.size(), name.size() - kBegin.size() - kEnd.size() + 1));
  std::ranges::sort(sizes);
  return sizes;
}

Counters::Io& IoOf(Counters& counters, uint32_t major, uint32_t minor) {
  auto found = std::ranges::find_if(counters.io,
                                    [&](const auto& io) { return io.major == major && io.minor == minor; });
  if (found != counters.io.end()) return *found;
  Counters::Io& made = counters.io.emplace_back();
  made.major = major;
  made.minor = minor;
  return made;
}

}  // namespace cradle::cgroups
