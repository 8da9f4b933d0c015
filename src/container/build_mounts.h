// The mounts of a container, in order: the runtime's own, then the pod's files and the request's, parents first. A
// request's mount replaces ours at the same place or below it. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "container/build_plan.h"

namespace cradle::container {

// "/a/./b//c/.." -> "/a/b"; what is relative stays so.
std::string CleanPath(const std::string& path);

// INVALID_ARGUMENT naming the mount: a path that isn't absolute, "/" itself, or recursive read-only contradicted.
Result<std::vector<MountPlan>> BuildMounts(const ContainerRecord& record, const PodContext& pod,
                                           const Defaults& defaults);
// What the root must be for the mounts in it to propagate as they are asked to.
Propagation RootPropagation(const ContainerSpec& spec);
// True when a mount of the request is at this (clean) path or above it.
bool IsMountedOver(const ContainerSpec& spec, const std::string& path);

}  // namespace cradle::container
