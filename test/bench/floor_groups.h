// Group: one cgroup in every hierarchy that this machine has mounted, v1 and v2, as cradle makes them. For the floor:
// no checks beyond "it worked". One thread.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"

namespace cradle::bench {

// Directories of the mounted hierarchies.
struct Hierarchies {
  std::vector<std::string> v1;
  std::string v2;  // empty: none

  static const Hierarchies& Get();
};

class Group {
 public:
  explicit Group(const std::string& path);  // "/cradle-floor/x"; mkdir everywhere
  ~Group();                                 // rmdir everywhere
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  // Into the first hierarchy that has the file.
  void Write(const std::string& file, const std::string& value);
  // v1: the files a child writes "0" into. v2: a directory for CLONE_INTO_CGROUP.
  const std::vector<std::string>& tasks() const { return tasks_; }
  const UniqueFd& v2() const { return v2_; }

 private:
  std::vector<std::string> dirs_, tasks_;
  UniqueFd v2_;
};

}  // namespace cradle::bench
