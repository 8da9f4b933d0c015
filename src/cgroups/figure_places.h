// Where a group's figures are (figures.h).
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace cradle::cgroups {

// A group's directory in each hierarchy: v1 by controller ("memory"), the v2 tree as "unified". Without any v1
// controller it is v2. Travels in the launch plan.
using FigurePlaces = std::vector<std::pair<std::string, std::string>>;

}  // namespace cradle::cgroups
