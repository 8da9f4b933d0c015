#include "base/sys/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/sys/file.h"
#include "base/sys/spawned.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

namespace cradle::sys {
namespace {

Result<> Done(long result, std::string_view what) {
  if (result < 0) return Error::FromErrno(errno, what);
  return {};
}

Result<Exit> Reap(idtype_t type, id_t id) {
  siginfo_t info{};
  int result;
  do {
    result = ::waitid(type, id, &info, WEXITED | WNOHANG);
  } while (result < 0 && errno == EINTR);
  if (result < 0) {
    if (errno == ECHILD) return Exit{};
    return Error::FromErrno(errno, "waitid");
  }
  Exit exit;
  exit.pid = info.si_pid;
  if (info.si_pid != 0) (info.si_code == CLD_EXITED ? exit.code : exit.signal) = info.si_status;
  return exit;
}

// linux/pidfd.h since 6.13, of which older headers know nothing; the first 64 bytes.
struct PidfdInfo {
  uint64_t mask;
  uint64_t cgroup;
  uint32_t ids[11];
  int32_t exit_code;
};
constexpr uint64_t kInfoExit = 1 << 3;
static_assert(sizeof(PidfdInfo) == 64);
constexpr unsigned long kPidfdGetInfo = _IOWR(0xFF, 11, PidfdInfo);

Exit FromStatus(pid_t pid, int status) { return {pid, WIFEXITED(status) ? WEXITSTATUS(status) : 0, WTERMSIG(status)}; }

bool ReadReaped(FdRef pidfd, int& status) {
  PidfdInfo info{};
  info.mask = kInfoExit;
  if (::ioctl(pidfd.get(), kPidfdGetInfo, &info) < 0 || !(info.mask & kInfoExit)) return false;
  status = info.exit_code;
  return true;
}

bool ReadZombie(FdRef pidfd, pid_t pid, int& status) {
  auto stat = ReadFile(kCwd, Cat("/proc/", std::to_string(pid), "/stat"), 4096);
  // Still there to be signalled: nobody has reaped it, and the number was its own.
  if (!stat.ok() || !PidfdSendSignal(pidfd, 0).ok()) return false;
  status = std::atoi(stat->c_str() + stat->rfind(' ') + 1);  // the last field, as of wait(2)
  return true;
}

}  // namespace

Result<UniqueFd> PidfdOpen(pid_t pid) {
  long fd = ::syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0) return Error::FromErrno(errno, Cat("pidfd_open ", std::to_string(pid)));
  return UniqueFd(static_cast<int>(fd));
}

Result<> PidfdSendSignal(FdRef pidfd, int signal) {
  return Done(::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0),
              Cat("send signal ", std::to_string(signal)));
}

Result<UniqueFd> PidfdGetfd(FdRef pidfd, int target_fd) {
  long fd = ::syscall(SYS_pidfd_getfd, pidfd.get(), target_fd, 0);
  if (fd < 0) return Error::FromErrno(errno, "pidfd_getfd");
  return UniqueFd(static_cast<int>(fd));
}

bool PidfdExited(FdRef pidfd) {
  pollfd waited{pidfd.get(), POLLIN, 0};
  return ::poll(&waited, 1, 0) > 0;
}

Result<Exit> ReapAny() { return Reap(P_ALL, 0); }
Result<Exit> ReapPidfd(FdRef pidfd) {
  auto exit = Reap(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd.get()));
  if (exit.ok() && exit->pid > 0) {
    std::lock_guard lock(internal::g_spawned_mutex);
    internal::g_spawned.erase(exit->pid);
  }
  return exit;
}

Result<Exit> ExitOf(FdRef pidfd, pid_t pid) {
  int status = 0;
  // It may be reaped between the first look and the second.
  if (ReadReaped(pidfd, status) || ReadZombie(pidfd, pid, status) || ReadReaped(pidfd, status))
    return FromStatus(pid, status);
  return NotFound("the process was reaped by another one");
}

int ReapStrangers(const std::function<bool(pid_t)>& spare) {
  std::lock_guard lock(internal::g_spawned_mutex);
  int reaped = 0;
  auto tasks = OpenAt(kCwd, "/proc/self/task", O_RDONLY | O_DIRECTORY);
  auto threads = tasks.ok() ? ListDir(*tasks) : Result<std::vector<std::string>>(tasks.error());
  if (!threads.ok()) return 0;
  for (const std::string& thread : *threads) {
    auto children = ReadFile(*tasks, thread + "/children", 1 << 20);
    if (!children.ok()) continue;
    for (char* at = children->data(); *at;) {
      char* end = at;
      auto pid = static_cast<pid_t>(std::strtol(at, &end, 10));
      if (end == at) break;
      at = end;
      if (internal::g_spawned.count(pid) || (spare && spare(pid))) continue;
      auto exit = Reap(P_PID, static_cast<id_t>(pid));
      if (exit.ok() && exit->pid > 0) ++reaped;
    }
  }
  return reaped;
}

Result<Exit> WaitPidfd(FdRef pidfd, Deadline deadline) {
  for (;;) {
    pollfd waited{pidfd.get(), POLLIN, 0};
    int ready = ::poll(&waited, 1, MillisLeft(deadline));
    if (ready > 0) return ReapPidfd(pidfd);
    if (ready == 0) return Error(Code::kDeadlineExceeded, "process still runs");
    if (errno != EINTR) return Error::FromErrno(errno, "poll");
  }
}

Result<> KillGroup(pid_t leader, int signal) {
  if (leader <= 1) return InvalidArgument("no such process group");  // kill(-1) is everybody
  return Done(::kill(-leader, signal), "kill process group");
}

Result<> Setns(FdRef fd, int nstype) { return Done(::setns(fd.get(), nstype), "setns"); }
Result<> Unshare(int flags) { return Done(::unshare(flags), "unshare"); }
Result<> NewSession() {
  if (::setsid() < 0 && ::getsid(0) != ::getpid()) return Error::FromErrno(errno, "setsid");
  return {};
}
Result<> SetChildSubreaper() {
  return Done(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "PR_SET_CHILD_SUBREAPER");
}
Result<> SetDumpable(bool on) {
  return Done(::prctl(PR_SET_DUMPABLE, on ? 1 : 0, 0, 0, 0), "PR_SET_DUMPABLE");
}
Result<> SetParentDeathSignal(int signal) {
  return Done(::prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0), "PR_SET_PDEATHSIG");
}
Result<> SetThreadName(const char* name) {
  return Done(::prctl(PR_SET_NAME, name, 0, 0, 0), "PR_SET_NAME");
}

void GetRandom(void* buffer, size_t size) {
  char* at = static_cast<char*>(buffer);
  while (size > 0) {
    ssize_t got = ::getrandom(at, size, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      std::abort();  // getrandom(2) can't fail here on any kernel we run on
    }
    at += got;
    size -= static_cast<size_t>(got);
  }
}

pid_t Getpid() { return ::getpid(); }
void KillSelf() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}
void ExitNow(int code) { ::_exit(code); }

Result<UniqueFd> BlockAndSignalfd(const std::vector<int>& signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (int signal : signals) ::sigaddset(&set, signal);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  int fd = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return Error::FromErrno(errno, "signalfd");
  return UniqueFd(fd);
}

void IgnoreSignal(int signal) { ::signal(signal, SIG_IGN); }

Result<std::string> SelfExe() { return ReadlinkAt(kCwd, "/proc/self/exe"); }

uint64_t CapabilityBoundingSet() {
  uint64_t set = 0;
  for (unsigned long cap = 0; cap < 64; ++cap) {
    int has = ::prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
    if (has < 0) break;
    if (has) set |= uint64_t{1} << cap;
  }
  return set;
}

}  // namespace cradle::sys
