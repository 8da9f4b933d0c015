// CgroupsV1: the v1 hierarchies (separate, co-mounted or named), and beside them the v2 tree of a
// hybrid host, which has no controllers but kills and tells when a group is empty. A group is a
// directory of the same path in each of them. Immutable after Open, so thread safe.
//
// Left out without an error, as nodes without them are common: memory_swap_limit_in_bytes when the
// kernel has no swap accounting, hugepage_limits when hugetlb isn't mounted. Describe() names both.
// Any other limit without its controller is FAILED_PRECONDITION.
#pragma once

#include <memory>

#include "cgroups/cgroups.h"
#include "cgroups/mounts.h"
#include "cgroups/tree.h"
#include "cgroups/v1_limits.h"

namespace cradle::cgroups {

class CgroupsV1 final : public Cgroups {
 public:
  static Result<std::unique_ptr<Cgroups>> Open(const Layout& layout);

  std::string Describe() const override;
  Result<Placement> Create(const std::string& path, const Limits& limits) override;
  Placement Locate(const std::string& path) const override;
  Result<Undo> Update(const std::string& path, const Limits& limits) override;
  Result<std::string> CreateExec(const std::string& path, const std::string& name) override;
  Result<> Kill(const std::string& path) override;
  Result<> Destroy(const std::string& path, Deadline deadline) override;
  bool Exists(const std::string& path) const override;
  std::vector<std::string> Children(const std::string& path) const override;
  Result<Stats> ReadStats(const std::string& path) const override;
  Result<Counters> ReadCounters(const std::string& path) const override;
  Result<std::vector<pid_t>> Processes(const std::string& path) const override;
  Result<uint64_t> ReadOomKills(const std::string& path) const override;

 private:
  struct Hierarchy {
    Tree tree;
    std::vector<std::string> controllers;
  };
  CgroupsV1() = default;

  // The hierarchy of a controller; null when the node has none.
  const Tree* Find(std::string_view controller) const;
  Result<> Populate(const std::string& path, const Limits& limits, Made& made) const;
  Result<> CheckSupported(const Limits& limits) const;
  Result<> Apply(const std::string& path, const V1Write& write) const;
  Result<> KillWithoutV2(const std::string& path) const;
  Result<> RemoveV1(const Tree& tree, const std::string& path, Deadline deadline) const;
  V1Current ReadCurrent(const std::string& path) const;

  std::vector<Hierarchy> v1_;
  std::unique_ptr<Tree> v2_;  // null: none
};

}  // namespace cradle::cgroups
