#include "base/sys/file.h"
#include "cgroups/cgroups.h"
#include "cgroups/mounts.h"
#include "cgroups/v1.h"

namespace cradle::cgroups {

Result<std::unique_ptr<Cgroups>> Cgroups::Detect() {
  constexpr size_t kMaxMounts = 64 << 20;  // a node with thousands of pods has as many mounts
  Layout layout = ParseMounts(TRY(sys::ReadFile(kCwd, "/proc/self/mountinfo", kMaxMounts)));
  if (!layout.v1.empty()) return CgroupsV1::Open(layout);
  if (layout.v2.empty()) return FailedPrecondition("no cgroup hierarchy is mounted");
  return Error(Code::kUnimplemented, Cat("this node has cgroup v2 only (", layout.v2,
                                         "), which isn't supported yet: boot with "
                                         "systemd.unified_cgroup_hierarchy=0"));
}

}  // namespace cradle::cgroups
