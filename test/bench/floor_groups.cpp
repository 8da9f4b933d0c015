#include "floor_groups.h"

#include <fcntl.h>

#include <fstream>
#include <sstream>

#include "base/sys/file.h"
#include "must.h"

namespace cradle::bench {

const Hierarchies& Hierarchies::Get() {
  static const Hierarchies found = [] {
    Hierarchies all;
    std::ifstream mounts("/proc/mounts");
    for (std::string line; std::getline(mounts, line);) {
      std::istringstream words(line);
      std::string source, point, type;
      words >> source >> point >> type;
      if (type == "cgroup") all.v1.push_back(point);
      if (type == "cgroup2") all.v2 = point;
    }
    return all;
  }();
  return found;
}

Group::Group(const std::string& path) {
  const Hierarchies& all = Hierarchies::Get();
  for (const std::string& hierarchy : all.v1) {
    dirs_.push_back(hierarchy + path);
    tasks_.push_back(hierarchy + path + "/tasks");
  }
  if (!all.v2.empty()) dirs_.push_back(all.v2 + path);
  for (const std::string& dir : dirs_) Must(sys::MkdirAt(kCwd, dir, 0755));
  if (!all.v2.empty()) v2_ = Must(sys::OpenAt(kCwd, all.v2 + path, O_RDONLY | O_DIRECTORY));
  // A cpuset without values takes no process.
  for (const std::string& dir : dirs_)
    for (const char* file : {"/cpuset.cpus", "/cpuset.mems"})
      if (dir.find("/cpuset/") != std::string::npos)
        Must(sys::WriteControl(kCwd, dir + file,
                               Must(sys::ReadFile(kCwd, dir + "/.." + file, 4096))));
}

Group::~Group() {
  for (const std::string& dir : dirs_) (void)sys::UnlinkAt(kCwd, dir, AT_REMOVEDIR);
}

void Group::Write(const std::string& file, const std::string& value) {
  for (const std::string& dir : dirs_)
    if (sys::Exists(kCwd, dir + "/" + file)) return Must(sys::WriteControl(kCwd, dir + "/" + file, value));
}

}  // namespace cradle::bench
