// Processes: pidfds, spawning, signals, namespaces, prctl. One function per system call where there is one; Result out,
// no policy. Signals go through pidfds, never through numbers. A child of the daemon does
// nothing but exec (Spawn); children that do more are the shim's.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"

namespace cradle::sys {

Result<UniqueFd> PidfdOpen(pid_t pid);
Result<> PidfdSendSignal(FdRef pidfd, int signal);
// A duplicate of a descriptor of another process (pidfd_getfd(2)).
Result<UniqueFd> PidfdGetfd(FdRef pidfd, int target_fd);
// True when the process of the pidfd has exited (whether reaped or not).
bool PidfdExited(FdRef pidfd);

struct Exit {
  pid_t pid = 0;
  int code = 0;    // exit status, or 0 when killed by a signal
  int signal = 0;  // the signal that killed it, or 0
};
// waitid(2), WEXITED|WNOHANG. pid 0 in the answer: nothing to reap.
Result<Exit> ReapAny();
Result<Exit> ReapPidfd(FdRef pidfd);
// Waits for the process until the deadline, then reaps it. kDeadlineExceeded when it lives on.
Result<Exit> WaitPidfd(FdRef pidfd, Deadline deadline);

// How a process ended that is another's child: as the kernel keeps it with the pidfd once somebody has reaped it (Linux
// 6.15, PIDFD_INFO_EXIT), or shows it until then (/proc). kNotFound: it was reaped, and nobody can tell.
Result<Exit> ExitOf(FdRef pidfd, pid_t pid);

// Reaps the zombies among this process's children that Spawn didn't make (what dead children of a subreaper left to it),
// but for those whom `spare` names. Needs /proc/<pid>/task/<tid>/children (CONFIG_PROC_CHILDREN). Returns how many.
int ReapStrangers(const std::function<bool(pid_t)>& spare = {});

// What becomes descriptor `to` of a spawned program; everything else is closed by exec.
struct FdMove {
  FdRef from;
  int to;
};
struct SpawnOptions {
  std::string program;             // a path, no search
  std::vector<std::string> args;   // with argv[0]
  std::vector<std::string> env;    // whole environment, "K=V"
  std::vector<FdMove> fds;         // 0, 1 and 2 are /dev/null unless named here
  bool new_group = false;          // a process group of its own (to be killed whole)
  bool new_session = false;
  FdRef cgroup = {};               // a v2 group to be born in (CLONE_INTO_CGROUP); see Child::in_cgroup
};
struct Child {
  pid_t pid = 0;
  UniqueFd pidfd;
  bool in_cgroup = false;          // false where the kernel refused: it is in its parent's group
};
// Signals are reset to defaults and unblocked in the child; it has the named descriptors and no other.
Result<Child> Spawn(const SpawnOptions& options);
// kill(-pgid): only for a group that Spawn made (new_group) and whose leader isn't reaped yet.
Result<> KillGroup(pid_t leader, int signal);

Result<> Setns(FdRef fd, int nstype);
Result<> Unshare(int flags);
// setsid(2): a session of one's own; leading one already is fine.
Result<> NewSession();
Result<> SetChildSubreaper();
Result<> SetDumpable(bool on);
Result<> SetParentDeathSignal(int signal);
Result<> SetThreadName(const char* name);  // at most 15 bytes
void GetRandom(void* buffer, size_t size);
pid_t Getpid();
[[noreturn]] void KillSelf();  // SIGKILL
[[noreturn]] void ExitNow(int code);

// A signalfd for `signals`, which are blocked in the calling thread (and those it creates later).
Result<UniqueFd> BlockAndSignalfd(const std::vector<int>& signals);
void IgnoreSignal(int signal);

// The program file that this process runs: readlink /proc/self/exe.
Result<std::string> SelfExe();

// Bounding set of this process (capget/prctl), bit per capability: what "ALL" may mean at most.
uint64_t CapabilityBoundingSet();

}  // namespace cradle::sys
