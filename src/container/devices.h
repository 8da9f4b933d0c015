// The host's devices, for privileged containers.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "container/build_plan.h"

namespace cradle::container {

// Every device node below `dev` (the host's /dev), named as below /dev, but for those that each container has of its
// own: terminals, the default devices, and what lies in pts, shm, mqueue.
Result<std::vector<DevicePlan>> HostDevices(const std::string& dev);

}  // namespace cradle::container
