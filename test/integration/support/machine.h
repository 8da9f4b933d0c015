// The test process's own piece of the machine: a mount and a network namespace (so that the host's mounts, bridges
// and iptables rules are neither seen nor touched), an empty /run/netns, and a pid namespace whose init it is: every
// orphan becomes its child, and nothing outlives it, even when it is killed.
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

namespace cradle::test {

// Whether the node has cgroup v2 and no other.
bool IsCgroupV2();
// Whether pods can have user namespaces here: layers and volumes with ids of their own need Linux 6.13.
bool HasUserNamespaces();
// Where each hierarchy is mounted.
std::vector<std::string> CgroupHierarchies();
// Whether cradled lets systemd make cgroups here. CRADLE_TEST_CGROUP_DRIVER, cgroupfs or systemd, is put into its
// configuration.
bool UsesSystemd();

// With systemd, which knows processes by their numbers, there is no pid namespace: orphans come here all the same.
// Once, before any thread. Ends the process when it can't.
void EnterPrivateMachine();

// All descendants of this process, zombies that nobody waits for excepted: those are reaped here, unless they are
// in `waited`, whose owner reaps them.
struct Process {
  pid_t pid = 0;
  std::string command;  // of /proc/PID/cmdline, blanks between the arguments
  bool operator<(const Process& other) const { return pid < other.pid; }
};
std::set<Process> Descendants(const std::set<pid_t>& waited);

}  // namespace cradle::test
