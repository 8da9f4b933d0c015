// The cgroup hierarchies of the host, for /sys/fs/cgroup in containers. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cradle::shim {

struct CgroupHierarchy {
  std::string name;  // of its directory below /sys/fs/cgroup: "cpu,cpuacct", "systemd", "unified"
  bool v2 = false;
  bool whole = false;              // v2, mounted on /sys/fs/cgroup itself
  std::string options;             // what selects it: "cpu,cpuacct", "name=systemd", ""
  std::vector<std::string> links;  // "cpu", "cpuacct"
};

// Those mounted at or directly below /sys/fs/cgroup; `mountinfo` as in proc(5). Each hierarchy
// once.
std::vector<CgroupHierarchy> ParseHierarchies(std::string_view mountinfo);

// Read once per process: hierarchies don't change while pods run.
Result<const std::vector<CgroupHierarchy>*> HostHierarchies();

}  // namespace cradle::shim
