// A disk of the node, for limits of what is read and written.
#pragma once

#include <fcntl.h>

#include <string>

#include "base/sys/file.h"
#include "cgroups/values.h"

namespace cradle::cgroups {

// "8:0"; empty: there is none.
inline std::string NodeDisk() {
  auto block = sys::OpenAt(kCwd, "/sys/block", O_RDONLY | O_DIRECTORY);
  if (!block.ok()) return "";
  for (const std::string& name : sys::ListDir(*block).value_or(std::vector<std::string>())) {
    if (name.starts_with("loop") || name.starts_with("ram") || name.starts_with("zram")) continue;
    return std::string(Trim(sys::ReadFile(*block, name + "/dev", 64).value_or("")));
  }
  return "";
}

}  // namespace cradle::cgroups
