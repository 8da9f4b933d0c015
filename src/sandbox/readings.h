// Figures of pods and containers beside those of their cgroups: what statistics and metrics are made of.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cradle::sandbox {

// A network interface of a pod, since the pod's start.
struct Interface {
  struct Direction {
    uint64_t bytes = 0, packets = 0, errors = 0, dropped = 0;
  };
  std::string name;
  Direction received, sent;
};
// proc_pid_net(5), dev: every interface but the loopback. What isn't understood is passed over.
std::vector<Interface> ParseNetDev(std::string_view text);

// What a container's processes have open. From a walk of /proc.
struct OpenFiles {
  uint64_t files = 0, sockets = 0;
  uint64_t soft_limit = 0;  // of open files, of the first process
};
OpenFiles CountOpenFiles(const std::vector<pid_t>& processes);

// The file system that writable layers are on.
struct Filesystem {
  std::string device;  // "/dev/vda1"
  uint64_t bytes = 0, inodes = 0, free_inodes = 0;
};
// "/dev/vda1" of a block device; of anything else "8:1".
std::string DeviceName(unsigned major, unsigned minor);

}  // namespace cradle::sandbox
