// The small texts that cgroup files hold. Pure; foreign bytes are never trusted.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cradle::cgroups {

// cgroup v1's limits from here on mean none: the kernel shows LONG_MAX, rounded down to a page.
inline constexpr uint64_t kNoLimit = uint64_t{1} << 62;

// Pieces between separators, empty ones left out.
std::vector<std::string_view> Split(std::string_view text, char separator);
// Takes the first line, without its newline, off `text`; false when nothing is left.
bool NextLine(std::string_view& text, std::string_view& line);
std::string_view Trim(std::string_view text);

// A decimal number with nothing beside it but white space.
std::optional<uint64_t> ParseNumber(std::string_view text);
// N of the line "key N"; 0 when there is no such line.
uint64_t KeyedValue(std::string_view text, std::string_view key);
// "0-3,7": what it names. Nothing for an empty or malformed text, or an id above 65535.
std::optional<std::set<int>> ParseIdList(std::string_view text);
// "2MB", "1GB", "64KB": how CRI and v1 hugetlb write a page size. `kib` is a whole number of such
// units.
std::string HugepageName(uint64_t kib);

}  // namespace cradle::cgroups
