// cpuset on v1: a new group has no processors and no memory nodes, and nobody can join it until it
// has some.
#pragma once

#include "cgroups/tree.h"

namespace cradle::cgroups {

// Gives the group its parent's cpus and mems where it has none, parents first.
Result<> InheritCpuset(const Tree& tree, const std::string& path);

}  // namespace cradle::cgroups
