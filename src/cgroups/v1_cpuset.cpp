#include "cgroups/v1_cpuset.h"

#include "cgroups/values.h"

namespace cradle::cgroups {

Result<> InheritCpuset(const Tree& tree, const std::string& path) {
  std::string parent = path.substr(0, path.rfind('/'));
  bool asked = parent.empty();  // the root always has some
  for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
    if (!Trim(TRY(tree.Read(path, file))).empty()) continue;
    if (!asked) TRYV(InheritCpuset(tree, parent));
    asked = true;
    std::string value = TRY(tree.Read(parent.empty() ? "/" : parent, file));
    TRYV(tree.Write(path, file, Trim(value)));
  }
  return {};
}

}  // namespace cradle::cgroups
