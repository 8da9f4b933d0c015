// OomCounter: how often the kernel killed in a container's memory cgroup for want of memory. Held open, so it
// answers until the group is removed. Main thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace cradle::shim {

class OomCounter {
 public:
  OomCounter() = default;  // of nothing: never rises
  // `path`: a file with the line "oom_kill N": memory.oom_control (v1), memory.events (v2). `below`: groups that
  // the container made in its own count for themselves, and are added up. An empty path: nothing is counted.
  static Result<OomCounter> Open(const std::string& path, bool below);

  // The same, for who counts on from where another one began.
  static Result<OomCounter> OpenAt(const std::string& path, bool below, uint64_t baseline);
  uint64_t baseline() const { return baseline_; }

  // Since Open.
  bool Rose() const { return Read() > baseline_; }

 private:
  uint64_t Read() const;

  UniqueFd file_;
  UniqueFd dir_;  // valid: with the groups below
  std::string name_;
  uint64_t baseline_ = 0;
};

}  // namespace cradle::shim
