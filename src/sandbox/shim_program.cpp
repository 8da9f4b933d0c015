#include "sandbox/shim_program.h"

#include <fcntl.h>
#include <sys/mount.h>

#include "base/log.h"
#include "base/sys/file.h"
#include "base/sys/mount.h"
#include "base/sys/process.h"

namespace cradle::sandbox {
namespace {

Result<UniqueFd> MountReadOnly(const std::string& folder) {
  UniqueFd mount = TRY(sys::OpenTree(kCwd, folder, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  TRYV(sys::MakeReadOnly(mount));
  return mount;
}

}  // namespace

ShimProgram ShimProgram::At(const std::string& path) {
  ShimProgram program;
  size_t slash = path.rfind('/');
  program.folder_ = path.substr(0, slash);
  program.path_ = path;
  auto mount = MountReadOnly(program.folder_);
  if (!mount.ok()) {
    log::Warning(Cat("shims run from a program that can be written to: ", mount.error().text()));
    return program;
  }
  program.mount_ = std::move(*mount);
  // By this process's number: a child has closed the descriptor when it executes.
  program.path_ = Cat("/proc/", std::to_string(sys::Getpid()), "/fd/", std::to_string(program.mount_.get()),
                      path.substr(slash));
  return program;
}

Result<UniqueFd> ShimProgram::OpenPause() const { return sys::OpenAt(kCwd, folder_ + "/cradle-pause", O_PATH); }

}  // namespace cradle::sandbox
