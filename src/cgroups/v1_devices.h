// The device lists of v1 (admin-guide/cgroup-v1/devices.rst): rules written one by one to
// devices.deny and devices.allow. A group never allows more than its parent.
#pragma once

#include "cgroups/tree.h"
#include "cgroups/v1_limits.h"

namespace cradle::cgroups {

Result<> WriteDevices(const Tree& tree, const std::string& path,
                      const std::vector<V1DeviceWrite>& writes);
// What would write the list as it is now.
Result<std::vector<V1DeviceWrite>> ReadDevices(const Tree& tree, const std::string& path);

}  // namespace cradle::cgroups
