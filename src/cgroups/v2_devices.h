// The device rules of v2: a BPF program on the group, which the kernel asks about every open and mknod
// (admin-guide/cgroup-v2.rst, "Device controller").
#pragma once

#include <linux/bpf.h>

#include <string>
#include <vector>

#include "cgroups/cgroups.h"
#include "cgroups/tree.h"

namespace cradle::cgroups {

// The program that decides as v1's lists would: a rule for all sets the default and forgets the others,
// rules for the same device add up. Pure.
std::vector<bpf_insn> BuildDeviceProgram(const std::vector<DeviceRule>& rules);

// Puts the program for `rules` on the group in place of the one it has, in one step: at no moment is
// there none, or another. Programs of the groups above hold too.
Result<> AttachDevices(const Tree& tree, const std::string& path,
                       const std::vector<DeviceRule>& rules);

}  // namespace cradle::cgroups
