// What both kinds of Figures share: the files' shapes. Pure but for ReadAbove.
#pragma once

#include <functional>
#include <iterator>
#include <string>
#include <string_view>

#include "cgroups/figures.h"
#include "cgroups/values.h"

namespace cradle::cgroups {

template <class Struct>
struct KeyedField {
  std::string_view key;
  uint64_t Struct::*member;
};

// "key N" lines into the members that the table names.
template <class Struct, size_t N>
void ParseKeyed(std::string_view text, const KeyedField<Struct> (&fields)[N], Struct& out) {
  for (std::string_view line; NextLine(text, line);) {
    size_t space = line.find(' ');
    if (space == line.npos) continue;
    for (const KeyedField<Struct>& field : fields)
      if (line.substr(0, space) == field.key)
        out.*field.member = ParseNumber(line.substr(space)).value_or(0);
  }
}

// Calls `take` with the group's directory and the file's text in it, then its parent's and so on, until there is no such
// file.
void ReadAbove(const std::string& dir, const std::string& file,
               const std::function<void(const std::string& group, std::string_view text)>& take);

// The device "8:16" in `disks`, added when it isn't there; null when it is malformed, or one too many.
DiskFigures* FindDisk(std::string_view device, std::vector<DiskFigures>& disks);

std::unique_ptr<Figures> OpenFiguresV1(FigurePlaces places);
std::unique_ptr<Figures> OpenFiguresV2(FigurePlaces places);

}  // namespace cradle::cgroups
