// From the daemon's plans (std::string, container/plan.h) to a child's (pointers,
// container/init/plan.h). An InitPlan owns what its plan() points to, but for the strings of the
// plan that it was made from, which must outlive it, as must the descriptors it was told of. Lives
// for one clone, in the shim's main thread.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "container/init/plan.h"
#include "container/plan.h"
#include "shim/launch_cgroups.h"

namespace cradle::shim {

class InitPlan {
 public:
  explicit InitPlan(const container::PausePlan& plan);
  explicit InitPlan(const container::LaunchPlan& plan);
  explicit InitPlan(const container::ExecPlan& plan);
  InitPlan(const InitPlan&) = delete;
  InitPlan& operator=(const InitPlan&) = delete;

  init::Plan& plan() { return plan_; }
  // Opens the file of each group; the child writes "0" to it. `name`: "tasks" or "cgroup.procs".
  Result<> OpenCgroups(const std::vector<std::string>& dirs, const std::string& name);
  void Describe(const std::vector<CgroupHierarchy>& hierarchies);
  // Of a container whose plan has one: the namespace, CLONE_NEWPID or 0, and whose pid namespace it shares.
  void SetUserNamespace(FdRef user_namespace, uint64_t born, FdRef pid_namespace_of);
  // `mount`: the file system of the container's views.
  void ShowViews(FdRef mount);
  // Last: collects the descriptors that the child keeps.
  void Finish();

 private:
  const char* Keep(std::string text);
  std::span<const char* const> Pointers(const std::vector<std::string>& strings);
  std::span<const init::Option> Options(const std::string& comma_separated);
  void SetUsers(const std::optional<container::UserNamespace>& users);
  void SetProcess(const container::ProcessPlan& process);
  void SetEnvironment(const std::vector<std::string>& env);
  void AddMount(const container::MountPlan& mount);
  void AddDevice(const container::DevicePlan& device);

  init::Plan plan_;
  init::UserNamespace users_;
  std::deque<std::string> texts_;  // a deque: its elements stay where they are
  std::deque<std::vector<const char*>> pointers_;
  std::deque<std::vector<init::Option>> options_;
  std::vector<UniqueFd> cgroup_fds_;
  std::vector<int> cgroup_files_, keep_;
  std::vector<init::Mount> mounts_;
  std::vector<init::CgroupMount> cgroups_;
  std::vector<init::Device> devices_;
  std::vector<init::ViewFile> views_;
  std::vector<init::Rlimit> rlimits_;
  std::vector<char*> args_, env_;
};

}  // namespace cradle::shim
