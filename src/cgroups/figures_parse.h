// What both kinds of Figures share: the files' shapes. Pure.
#pragma once

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
      if (field.key.size() == space && line.starts_with(field.key))
        out.*field.member = ParseNumber(line.substr(space)).value_or(0);
  }
}

// The device "8:16" in `disks`, added when it isn't there; null when it is malformed, or one too many.
DiskFigures* FindDisk(std::string_view device, std::vector<DiskFigures>& disks);

std::unique_ptr<Figures> OpenFiguresV1(FigurePlaces places, KeptFiles& files);
std::unique_ptr<Figures> OpenFiguresV2(FigurePlaces places, KeptFiles& files);

}  // namespace cradle::cgroups
