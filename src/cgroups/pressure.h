// Pressure stall information of a group (accounting/psi.rst): cpu.pressure, memory.pressure, io.pressure, in
// the v2 tree, also of a hybrid host.
#pragma once

#include <optional>
#include <string_view>

#include "base/fd.h"
#include "cgroups/cgroups.h"

namespace cradle::cgroups {

// Nothing for a text that isn't of that form. Pure.
std::optional<Pressure> ParsePressure(std::string_view text);
// Those of the group's directory in the v2 tree; missing ones stay unset.
void ReadPressure(FdRef group, Stats& stats);

}  // namespace cradle::cgroups
