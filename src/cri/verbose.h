// The "info" of verbose answers, in the shape that containerd gives it: node agents and people's scripts read pid,
// runtimeSpec and config from it. Not pure: devices and a seccomp profile of the node's are looked at.
#pragma once

#include <string>

#include "sandbox/runtime.h"

namespace cradle::cri {

std::string ContainerInfo(const sandbox::Runtime& runtime, const sandbox::ContainerView& container);
std::string PodInfo(const sandbox::Runtime& runtime, const sandbox::PodView& pod);

}  // namespace cradle::cri
