// The device lists of v1 (admin-guide/cgroup-v1/devices.rst): rules written one by one to
// devices.deny and devices.allow. A group never allows more than its parent.
#pragma once

#include "cgroups/cgroups.h"
#include "cgroups/tree.h"

namespace cradle::cgroups {

Result<> ApplyDevices(const Tree& tree, const std::string& path,
                      const std::vector<DeviceRule>& rules);
// The same, and on failure what was allowed before is allowed again.
Result<> ReplaceDevices(const Tree& tree, const std::string& path,
                        const std::vector<DeviceRule>& rules);

}  // namespace cradle::cgroups
