// Where the kernel's cgroup hierarchies are mounted: pure, from the text of /proc/self/mountinfo
// (proc(5)).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cradle::cgroups {

struct V1Mount {
  std::string dir;
  std::vector<std::string> controllers;  // "cpu", "cpuacct"; "name=systemd" for a named one
};

struct Layout {
  std::vector<V1Mount> v1;  // each hierarchy once, as it is first mounted
  std::string v2;           // empty: no v2 tree
};

Layout ParseMounts(std::string_view mountinfo);

}  // namespace cradle::cgroups
