// CgroupsSystemd: the v2 tree on a machine that systemd runs. Each pod has one scope in the kubelet's slice, made by
// systemd and delegated; everything below it is made and written by us, as in CgroupsV2.
//
//   kubepods-burstable-pod1f2e.slice      the kubelet's
//     cradle-<pod>.scope                  systemd's; asked for when a group below it is first made
//       hold                              a process that sleeps: systemd removes a scope that is empty
//       <pod>, <container>...             ours
//   cradle.slice
//     cradle-shims.scope                  the shims, in the same way
//     cradle-<pod>.scope                  pods without a cgroup_parent
#pragma once

#include <map>
#include <mutex>

#include "base/sys/process.h"
#include "cgroups/systemd.h"
#include "cgroups/v2.h"

namespace cradle::cgroups {

// "kubepods-burstable.slice" as a path: "/kubepods.slice/kubepods-burstable.slice" (systemd.slice(5)). Nothing for what
// is no slice's name. Pure.
std::optional<std::string> SlicePath(std::string_view slice);

class CgroupsSystemd final : public CgroupsV2 {
 public:
  // `patience`: how long systemd may take to make a scope.
  static Result<std::unique_ptr<Cgroups>> Open(const std::string& dir, const std::string& holder_program,
                                               std::unique_ptr<Systemd> systemd, milliseconds patience);

  std::string Describe() const override { return CgroupsV2::Describe() + ", systemd"; }
  Driver driver() const override { return Driver::kSystemd; }
  Result<PodParent> ParentOf(const std::string& cgroup_parent, const std::string& pod) const override;
  std::string ShimsGroup() const override { return "/cradle.slice/cradle-shims.scope"; }
  Result<Placement> Create(const std::string& path, const Limits& limits) override;
  Result<> Destroy(const std::string& path, Deadline deadline) override;

 private:
  CgroupsSystemd(Tree tree, std::string holder_program, std::unique_ptr<Systemd> systemd, milliseconds patience)
      : CgroupsV2(std::move(tree)),
        holder_program_(std::move(holder_program)),
        systemd_(std::move(systemd)),
        patience_(patience) {}
  Result<> MakeScope(const std::string& path);
  Result<> WaitFor(const std::string& path, Deadline deadline) const;
  Result<> Hold(const std::string& path, pid_t holder) const;

  const std::string holder_program_;
  const std::unique_ptr<Systemd> systemd_;
  const milliseconds patience_;
  std::mutex mutex_;
  std::map<std::string, sys::Child> holders_;  // by scope, those of this daemon: to be reaped
};

}  // namespace cradle::cgroups
