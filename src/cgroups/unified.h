// What both implementations do in the v2 tree, with or without controllers: kill and wait
// (cgroup-v2.rst, "cgroup.kill", "cgroup.events").
#pragma once

#include "cgroups/tree.h"

namespace cradle::cgroups {

// SIGKILL to everything in the group and below. Missing: fine.
Result<> KillV2(const Tree& tree, const std::string& path);
// Sleeps until no process is in the group or below; kDeadlineExceeded says which are. Missing:
// fine.
Result<> WaitEmptyV2(const Tree& tree, const std::string& path, Deadline deadline);

// On a hybrid host nobody but us has use for the parents that we make in the v2 tree (the kubelet
// makes and removes its own in v1 only), so they are marked, and removed with their last child.
void MarkParents(const Tree& tree, const Made& made, const std::string& leaf);
void RemoveMarkedParents(const Tree& tree, const std::string& path);

}  // namespace cradle::cgroups
