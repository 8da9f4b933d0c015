// Everything known about one pod or container, as a JSON document: record, state, steps with lap
// times, processes, paths. For the CRI's verbose answers and for Debug.Inspect. Keys that tools
// know from elsewhere have those names
// ("pid", "sandboxID", "config").
#pragma once

#include <string>

#include "sandbox/runtime.h"

namespace cradle::cri {

std::string InspectPod(const sandbox::PodView& pod);
std::string InspectContainer(const sandbox::ContainerView& container);

}  // namespace cradle::cri
