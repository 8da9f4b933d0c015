// What a process inherits from the shim and must not keep: descriptors, signal dispositions,
// session, out-of-memory score; and what it gets instead.
#include <linux/keyctl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "container/init/kernel.h"
#include "container/init/numbers.h"
#include "container/init/paths.h"
#include "container/init/steps.h"

namespace cradle::init {
namespace {

int CloseRange(unsigned first, unsigned last, unsigned flags) noexcept {
  if (first > last) return 0;
  return static_cast<int>(syscall(SYS_close_range, first, last, flags));
}

// The container's own /dev/null, and nothing else of that name: a host's could be chmodded through
// /proc/self/fd.
int OpenNull(int root) noexcept {
  Fd fd(OpenInRoot(root, "/dev/null", O_RDWR | O_NOCTTY | O_NONBLOCK));
  struct stat info;
  if (!fd.valid() || fstat(fd.get(), &info) < 0) return -1;
  if (!S_ISCHR(info.st_mode) || info.st_rdev != makedev(1, 3)) return errno = ENODEV, -1;
  return fd.Release();
}

// /dev/stdout must stay openable for a user who isn't root: the pipe's or the terminal's inode
// becomes theirs.
void GiveToUser(int fd, uint32_t uid) noexcept {
  struct stat info;
  if (uid == 0 || fstat(fd, &info) < 0) return;
  if (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode))
    (void)!fchown(fd, uid, static_cast<gid_t>(-1));
}

}  // namespace

Outcome CloseForeign(const Plan& plan, State&) noexcept {
  unsigned from = 3;
  for (int fd : plan.keep) {
    unsigned kept = static_cast<unsigned>(fd);
    if (CloseRange(from, kept - 1, 0) < 0) return Fail(Step::kSetup, "close_range");
    from = kept + 1;
  }
  if (CloseRange(from, ~0u, 0) < 0) return Fail(Step::kSetup, "close_range");
  return {};
}

Outcome ResetProcess(const Plan&, State&) noexcept {
  struct sigaction ignored {};
  ignored.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &ignored, nullptr);
  uint64_t none = 0;
  if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none) < 0)
    return Fail(Step::kSetup, "sigprocmask");
  if (setsid() < 0) return Fail(Step::kSetup, "setsid");
  umask(0);
  // Else every pod would share the session keyring of the shim. Kernels without keys are fine, so
  // is a full quota.
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS &&
      errno != EDQUOT && errno != EPERM)
    return Fail(Step::kSetup, "join session keyring");
  return {};
}

Outcome SetOomScore(const Plan& plan, State&) noexcept {
  Fd file(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return Fail(Step::kSetup, "open oom_score_adj");
  char text[12];
  size_t size = 0;
  bool negative = plan.oom_score_adj < 0;
  if (negative) text[size++] = '-';
  size += FormatNumber(text + size,
                       static_cast<unsigned>(negative ? -plan.oom_score_adj : plan.oom_score_adj));
  // EACCES: lower than we may go; what we have is the lowest.
  if (write(file.get(), text, size) < 0 && errno != EACCES)
    return Fail(Step::kSetup, "set oom_score_adj");
  return {};
}

Outcome ConnectStdio(const Plan& plan, State& state) noexcept {
  for (int i = 0; i < 3; ++i) {
    int from = plan.terminal ? state.slave : plan.stdio[i];
    Fd null(from < 0 ? OpenNull(state.root) : -1);
    if (from < 0) from = null.get();
    if (from < 0 || dup2(from, i) < 0) return Fail(Step::kStdio);
    GiveToUser(i, state.uid);
  }
  if (plan.terminal) {
    if (ioctl(0, TIOCSCTTY, 0) < 0) return Fail(Step::kTerminal, "TIOCSCTTY");
    // The group stays tty's.
    if (fchown(0, state.uid, static_cast<gid_t>(-1)) < 0) return Fail(Step::kTerminal, "fchown");
  }
  umask(022);
  if (CloseRange(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0) return Fail(Step::kSetup, "close_range");
  return {};
}

Outcome SetRlimits(const Plan& plan, State&) noexcept {
  for (const Rlimit& limit : plan.rlimits) {
    auto resource = static_cast<__rlimit_resource>(limit.resource);
    rlimit64 wanted{limit.soft, limit.hard};
    if (prlimit64(0, resource, &wanted, nullptr) == 0) continue;
    rlimit64 now;
    // Without CAP_SYS_RESOURCE a hard limit can't be raised: as far as it goes.
    if (errno != EPERM || prlimit64(0, resource, nullptr, &now) < 0) return Fail(Step::kRlimit);
    if (wanted.rlim_max > now.rlim_max) wanted.rlim_max = now.rlim_max;
    if (wanted.rlim_cur > wanted.rlim_max) wanted.rlim_cur = wanted.rlim_max;
    if (prlimit64(0, resource, &wanted, nullptr) < 0) return Fail(Step::kRlimit);
  }
  return {};
}

}  // namespace cradle::init
