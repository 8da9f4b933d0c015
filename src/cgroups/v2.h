// CgroupsV2: the one v2 tree, with its controllers. A group that has groups below it holds no processes
// itself (cgroup-v2.rst, "No Internal Process Constraint"): pods' parents are such, pause and the containers
// are leaves. Immutable after Open, so thread safe.
//
// Left out without an error, as nodes without them are common: memory_swap_limit_in_bytes when the kernel has
// no swap accounting, hugepage_limits without hugetlb.
#pragma once

#include <memory>

#include "cgroups/cgroups.h"
#include "cgroups/tree.h"
#include "cgroups/v2_limits.h"

namespace cradle::cgroups {

class CgroupsV2 : public Cgroups {
 public:
  // `dir`: where it is mounted. FAILED_PRECONDITION without the controllers cpu and memory.
  static Result<std::unique_ptr<Cgroups>> Open(const std::string& dir);

  std::string Describe() const override;
  Result<Placement> Create(const std::string& path, const Limits& limits) override;
  Placement Locate(const std::string& path) const override;
  Result<Undo> Update(const std::string& path, const Limits& limits) override;
  Result<std::string> CreateExec(const std::string& path, const std::string& name) override;
  Result<> Kill(const std::string& path) override;
  Result<> Destroy(const std::string& path, Deadline deadline) override;
  bool Exists(const std::string& path) const override { return tree_.Exists(path); }
  std::vector<std::string> Children(const std::string& path) const override {
    return tree_.Children(path);
  }
  Result<Stats> ReadStats(const std::string& path) const override;
  Result<Counters> ReadCounters(const std::string& path) const override;
  Result<std::vector<pid_t>> Processes(const std::string& path) const override;
  Result<uint64_t> ReadOomKills(const std::string& path) const override;

 protected:
  explicit CgroupsV2(Tree tree) : tree_(std::move(tree)) {}
  static Result<Tree> OpenTree(const std::string& dir);
  const Tree& tree() const { return tree_; }

 private:
  Result<> Populate(const std::string& path, const Limits& limits, Made& made) const;
  // Every group above `path` hands on what controllers it has and we use.
  Result<> EnableControllers(const std::string& path) const;
  Result<> EnableBelow(const std::string& path) const;
  Result<> Apply(const std::string& path, const V2Write& write) const;
  // The kernel would kill for a limit below what is in use: what can be reclaimed is, or it is refused.
  Result<> MakeRoom(const std::string& path, uint64_t bytes) const;
  V2Current ReadCurrent(const std::string& path) const;

  Tree tree_;
};

}  // namespace cradle::cgroups
