// ShimProgram: what a pod's shim is started from. A container that may trace what it sees (CAP_SYS_PTRACE) sees the program
// of each process that the shim makes, until that execs, and could write to it as soon as no shim runs. So shims run from a
// mount of their folder that is read-only and attached nowhere. Immutable.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace cradle::sandbox {

class ShimProgram {
 public:
  ShimProgram() = default;
  // `path`: the program, where it lies. Where the kernel refuses such a mount, shims run from there, and the log says so.
  static ShimProgram At(const std::string& path);

  // To be executed by this process's children, while this lives.
  const std::string& path() const { return path_; }
  // O_PATH: the program of the pod's infra process, which lies beside it.
  Result<UniqueFd> OpenPause() const;

 private:
  std::string folder_, path_;
  UniqueFd mount_;
};

}  // namespace cradle::sandbox
