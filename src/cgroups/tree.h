// Tree: one mounted hierarchy, held by a descriptor of its root. Groups are named by absolute paths
// of it ("/a/b"), checked by CheckPath. Thread safe: it keeps nothing but the descriptor, and every
// call is by names below it. Errors name the group and keep the errno.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"

namespace cradle::cgroups {

// Absolute, below the root, no empty, "." or ".." component, no control character.
Result<> CheckPath(const std::string& path);

// Whether an error says that there is no such group: also where its path leads through a file ("/cgroup.procs/a").
bool Gone(const Error& error);

class Tree;
// Groups that a chain of steps has made, in order; to be removed again when it fails.
using Made = std::vector<std::pair<const Tree*, std::string>>;

class Tree {
 public:
  static Result<Tree> Open(std::string dir);

  // The directory of a group.
  std::string Dir(const std::string& path) const { return dir_ + path; }
  bool Exists(const std::string& path) const;
  bool HasFile(const std::string& path, const std::string& file) const;
  std::vector<std::string> Children(const std::string& path) const;

  // Makes the group and its missing parents; an existing one is fine. Everything new is added to
  // `made`.
  Result<> Make(const std::string& path, Made& made) const;
  // Removes the group and those below it. Missing: fine. EBUSY: processes are in one of them.
  Result<> Remove(const std::string& path, Deadline deadline) const;
  // Removes the group only if there is nothing in or below it.
  Result<> RemoveEmpty(const std::string& path) const;

  Result<std::string> Read(const std::string& path, const std::string& file) const;
  Result<> Write(const std::string& path, const std::string& file, std::string_view value) const;
  // The group's directory, O_PATH, for several reads or writes.
  Result<UniqueFd> OpenGroup(const std::string& path) const;
  // Processes in the group and below; none for a missing group.
  Result<std::vector<pid_t>> Processes(const std::string& path) const;

 private:
  Tree(std::string dir, UniqueFd root) : dir_(std::move(dir)), root_(std::move(root)) {}

  std::string dir_;
  UniqueFd root_;
};

// SIGKILL to every process in the group and below, again until there is none or ten rounds are
// over.
Result<> KillListed(const Tree& tree, const std::string& path);
// "process 123 (name) in state D, waiting in wchan": why a group is not empty. "no process" when it
// is.
std::string DescribeProcesses(const Tree& tree, const std::string& path);

}  // namespace cradle::cgroups
