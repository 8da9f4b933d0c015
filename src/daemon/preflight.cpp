#include "daemon/preflight.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mount.h>

#include <thread>

#include "base/clock.h"
#include "base/sys/file.h"
#include "base/sys/mount.h"
#include "base/sys/process.h"

namespace cradle::daemon {
namespace {

constexpr milliseconds kLockPatience{2'000};

Result<UniqueFd> Lock(const std::string& dir) {
  UniqueFd lock = TRY(sys::OpenAt(kCwd, dir + "/lock", O_RDWR | O_CREAT, 0600));
  // A child that a killed daemon had just made holds the lock too, until its exec.
  for (Deadline end = After(kLockPatience);;) {
    if (sys::Flock(lock, LOCK_EX | LOCK_NB).ok()) return lock;
    if (std::chrono::steady_clock::now() >= end) break;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return FailedPrecondition(Cat("another cradled uses ", dir));
}

Result<> EnsureTmpfs(const std::string& dir) {
  UniqueFd fd = TRY(sys::OpenAt(kCwd, dir, O_RDONLY | O_DIRECTORY));
  if (TRY(sys::Fstatfs(fd)).f_type == TMPFS_MAGIC) return {};
  TRYV(sys::Mount("cradle", dir, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700,size=256m"));
  // What shims and people mount below it is nobody else's business.
  return sys::Mount("", dir, "", MS_PRIVATE, "");
}

}  // namespace

Result<Programs> FindPrograms() {
  std::string self = TRY(sys::SelfExe());
  std::string bin = self.substr(0, self.rfind('/'));
  std::string libexec = bin.substr(0, bin.rfind('/')) + "/libexec/cradle/";
  Programs programs{libexec + "cradle-shim", libexec + "cradle-unpack", libexec + "cradle-pause"};
  for (const std::string& path : {programs.shim, programs.unpack, programs.pause})
    if (!sys::Exists(kCwd, path)) return NotFound(Cat(path, " is missing: incomplete installation"));
  return programs;
}

Result<Ground> PrepareGround(const config::Config& config) {
  Ground ground;
  TRYV(sys::MakeDirs(config.root, 0700).With("root"));
  TRYV(sys::FchmodAt(kCwd, config.root, 0700));
  TRYV(sys::MakeDirs(config.state, 0700).With("state"));
  TRYV(EnsureTmpfs(config.state).With("state"));
  TRYV(sys::FchmodAt(kCwd, config.state, 0700));
  ground.root_lock = TRY(Lock(config.root));
  ground.state_lock = TRY(Lock(config.state));
  return ground;
}

}  // namespace cradle::daemon
