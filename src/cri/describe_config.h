// The configurations that pods and containers were made from, as messages again. What a request said that changes
// nothing here (the pod's own user, ports without a host port) isn't kept. Pure.
#pragma once

#include "container/spec.h"
#include "cri/api.pb.h"
#include "sandbox/spec.h"

namespace cradle::cri {

runtime::v1::PodSandboxConfig DescribeConfig(const sandbox::PodSpec& spec);
runtime::v1::ContainerConfig DescribeConfig(const container::ContainerSpec& spec);

}  // namespace cradle::cri
