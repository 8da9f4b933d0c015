// The floor's processes: pause, a container, an exec. Each is one clone3 and the system calls that cradle's child makes,
// straight through, without plans, reports or undo.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.h"
#include "floor_groups.h"

namespace cradle::bench {

struct Clone {
  pid_t pid = 0;
  UniqueFd pidfd;
};

// A pause of its own network (unless host), ipc, uts, pid, mount and cgroup namespaces.
Clone LaunchPause(const std::string& program, const Group& group, bool host_network);

struct Rootfs {
  std::string lower, upper, work;
  std::string hosts, hostname, resolv_conf;  // bound over /etc/...
};
// A container in pause's namespaces, set up and waiting: a byte into `gate` lets it exec. Returns when it waits.
struct Container {
  Clone clone;
  UniqueFd gate;    // write end
  UniqueFd report;  // end of file once it has execed
  UniqueFd out, err;
};
Container LaunchContainer(const Rootfs& rootfs, const Group& group, FdRef pause, bool host_network);
// Returns when `argv[0]` has ended.
void RunExec(FdRef init, const Group& group, const char* const argv[]);
void KillAndReap(const Clone& clone);

}  // namespace cradle::bench
