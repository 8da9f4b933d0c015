#include "base/sys/file.h"
#include "cgroups/cgroups.h"
#include "cgroups/mounts.h"
#include "cgroups/v1.h"
#include "cgroups/v2_systemd.h"

namespace cradle::cgroups {

constexpr milliseconds kScopePatience{30'000};  // a busy systemd takes seconds

Result<std::unique_ptr<Cgroups>> Cgroups::Detect(const Options& options) {
  constexpr size_t kMaxMounts = 64 << 20;  // a node with thousands of pods has as many mounts
  Layout layout = ParseMounts(TRY(sys::ReadFile(kCwd, "/proc/self/mountinfo", kMaxMounts)));
  if (layout.v1.empty() && layout.v2.empty())
    return FailedPrecondition("no cgroup hierarchy is mounted");
  bool booted = sys::Exists(kCwd, "/run/systemd/system");  // sd_booted(3)
  Driver driver = booted && layout.v1.empty() ? Driver::kSystemd : Driver::kCgroupfs;
  if (options.driver.value_or(driver) == Driver::kCgroupfs)
    return layout.v1.empty() ? CgroupsV2::Open(layout.v2) : CgroupsV1::Open(layout);
  if (!booted || !layout.v1.empty())
    return FailedPrecondition(Cat("cgroup.driver = \"systemd\": ",
                                  booted ? "needs cgroup v2 alone" : "systemd doesn't run this machine"));
  return CgroupsSystemd::Open(layout.v2, options.holder_program,
                              TRY(Systemd::Open("unix:path=/run/systemd/private")), kScopePatience);
}

}  // namespace cradle::cgroups
