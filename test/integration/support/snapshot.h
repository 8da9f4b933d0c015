// Snapshot: everything that a pod or container is made of, as the kernel and the disk show it. Two of them, taken
// before and after a test, must be equal.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "support/daemon.h"

namespace cradle::test {

// Ids of pods and containers that have a directory now.
std::set<std::string> RecordedIds(const Daemon& daemon);

struct Snapshot {
  std::multiset<std::string> own_fds, daemon_fds;  // what they refer to, without inode numbers
  std::set<std::string> processes;                 // "pid command", all below the test but cradled
  std::multiset<std::string> mounts;               // mount points of the test's mount namespace
  std::set<std::string> cgroups;                   // named after one of `ids`, in every hierarchy
  std::set<std::string> files;                     // below root and state, image content excepted
  std::set<std::string> links;                     // network interfaces of the node

  // `ids`: of every pod and container that the daemon has had; cgroups are told by them.
  static Snapshot Take(const Daemon& daemon, const std::set<std::string>& ids);
  // One line per thing that is in one of them only: "+ mount /x", "- process 12 sh". Empty: equal.
  std::vector<std::string> DifferenceTo(const Snapshot& before) const;
};

}  // namespace cradle::test
