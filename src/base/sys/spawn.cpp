// Spawn: a program in a new process, by posix_spawn(3), or, when it is to be born in a cgroup, by clone3(2).
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/sys/file.h"
#include "base/sys/process.h"
#include "base/sys/socket.h"
#include "base/sys/spawned.h"

namespace cradle::sys {
namespace internal {

std::mutex g_spawned_mutex;
std::set<pid_t> g_spawned;

}  // namespace internal

namespace {

// Descriptor `to` of the program is `from`; -1: none.
struct Slot {
  int from = -1;
};

// What lies at 0, 1, 2, ... of the program: slots in order, sources moved out of the way of their targets.
class FdLayout {
 public:
  static Result<FdLayout> Of(const std::vector<FdMove>& moves) {
    FdLayout layout;
    layout.slots_.resize(3);
    for (const FdMove& move : moves)
      if (static_cast<size_t>(move.to) >= layout.slots_.size()) layout.slots_.resize(static_cast<size_t>(move.to) + 1);
    for (const FdMove& move : moves) layout.slots_[static_cast<size_t>(move.to)].from = TRY(layout.Above(move.from));
    UniqueFd null = TRY(OpenAt(kCwd, "/dev/null", O_RDWR));
    for (size_t fd = 0; fd < 3; ++fd)
      if (layout.slots_[fd].from < 0) layout.slots_[fd].from = TRY(layout.Above(null));
    return layout;
  }
  const std::vector<Slot>& slots() const { return slots_; }
  int first_free() const { return static_cast<int>(slots_.size()); }

 private:
  Result<int> Above(FdRef fd) {
    int copy = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, first_free());
    if (copy < 0) return Error::FromErrno(errno, "F_DUPFD_CLOEXEC");
    return copies_.emplace_back(copy).get();
  }
  std::vector<Slot> slots_;
  std::vector<UniqueFd> copies_;
};

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const std::string& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

struct Words {
  explicit Words(const SpawnOptions& options) : argv(Pointers(options.args)), envp(Pointers(options.env)) {}
  std::vector<char*> argv, envp;
};

Result<Child> ByPosixSpawn(const SpawnOptions& options, const FdLayout& layout, const Words& words) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  for (size_t fd = 0; fd < layout.slots().size(); ++fd) {
    int from = layout.slots()[fd].from, to = static_cast<int>(fd);
    if (from >= 0)
      ::posix_spawn_file_actions_adddup2(&actions, from, to);
    else
      ::posix_spawn_file_actions_addclose(&actions, to);
  }
  // Also what this process was given without close-on-exec.
  ::posix_spawn_file_actions_addclosefrom_np(&actions, layout.first_free());

  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t all, none;
  ::sigfillset(&all);
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | (options.new_group ? POSIX_SPAWN_SETPGROUP : 0) |
              (options.new_session ? POSIX_SPAWN_SETSID : 0);
  ::posix_spawnattr_setflags(&attributes, static_cast<short>(flags));
  pid_t pid = 0;
  int failed = ::posix_spawn(&pid, options.program.c_str(), &actions, &attributes, words.argv.data(), words.envp.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed) return Error::FromErrno(failed, "posix_spawn");
  // Nobody reaps it but the owner of the pidfd, so the number is still this process.
  return Child{pid, TRY(PidfdOpen(pid)), false};
}

// In the child of a process with many threads: system calls only, no allocation, no lock.
[[noreturn]] void RunChild(const SpawnOptions& options, const FdLayout& layout, const Words& words, int failure) {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction usual {};
    usual.sa_handler = SIG_DFL;
    ::sigaction(number, &usual, nullptr);  // EINVAL of those that can't be set
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (options.new_session) ::setsid();
  if (options.new_group) ::setpgid(0, 0);
  for (size_t fd = 0; fd < layout.slots().size(); ++fd) {
    int from = layout.slots()[fd].from, to = static_cast<int>(fd);
    if (from >= 0)
      ::dup2(from, to);
    else
      ::close(to);
  }
  ::close_range(static_cast<unsigned>(layout.first_free()), ~0u, CLOSE_RANGE_CLOEXEC);
  ::execve(options.program.c_str(), words.argv.data(), words.envp.data());
  int err = errno;
  (void)!::write(failure, &err, sizeof err);
  ::_exit(127);
}

// A process moved between v2 groups waits 10 ms for a grace period of the kernel's; one that is born there doesn't.
Result<Child> ByClone(const SpawnOptions& options, const FdLayout& layout, const Words& words) {
  Pipe failure = TRY(MakePipe());
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_PIDFD | CLONE_INTO_CGROUP | CLONE_VFORK;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  args.cgroup = static_cast<uint64_t>(options.cgroup.get());
  long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) RunChild(options, layout, words, failure.write.get());
  if (pid < 0) return Error::FromErrno(errno, "clone3");
  Child child{static_cast<pid_t>(pid), UniqueFd(pidfd), true};
  failure.write.Reset();
  int err = 0;
  auto told = Read(failure.read, &err, sizeof err);
  if (!told.ok() || *told == 0) return child;
  ::waitpid(child.pid, nullptr, 0);  // it told, and exits
  return Error::FromErrno(err, "execve");
}

bool CloneIsRefused(int err) { return err == EBUSY || err == EOPNOTSUPP || err == ENOSYS || err == EINVAL; }

Result<Child> Start(const SpawnOptions& options, const FdLayout& layout, const Words& words) {
  if (options.cgroup.valid()) {
    auto child = ByClone(options, layout, words);
    if (child.ok() || !CloneIsRefused(child.error().err())) return child;
  }
  return ByPosixSpawn(options, layout, words);
}

}  // namespace

Result<Child> Spawn(const SpawnOptions& options) {
  FdLayout layout = TRY(FdLayout::Of(options.fds));
  Words words(options);
  std::lock_guard lock(internal::g_spawned_mutex);
  auto child = Start(options, layout, words);
  if (child.ok()) internal::g_spawned.insert(child->pid);
  return std::move(child).With(Cat("start ", options.program));
}

}  // namespace cradle::sys
