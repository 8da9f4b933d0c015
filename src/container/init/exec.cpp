// The last steps: working directory, filter, exec.
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#include <cstring>

#include "container/init/kernel.h"
#include "container/init/steps.h"

namespace cradle::init {
namespace {

constexpr char kDefaultPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// "dir/name" into `out`; an empty dir is the working directory. False: too long.
bool Join(const char* dir, size_t dir_size, const char* name, char* out) noexcept {
  size_t name_size = strlen(name);
  if (dir_size + name_size + 2 > kMaxPath) return false;
  memcpy(out, dir, dir_size);
  if (dir_size) out[dir_size++] = '/';
  memcpy(out + dir_size, name, name_size + 1);
  return true;
}

// execvp(3) without the shell it falls back to. Returns when nothing could be executed.
Outcome ExecuteInPath(const Plan& plan) noexcept {
  const char* name = plan.args[0];
  if (!*name) return FailWith(ENOENT, Step::kNotInPath, name);
  bool denied = false;
  char path[kMaxPath];
  for (const char* at = plan.search_path ? plan.search_path : kDefaultPath; at;
       at = strchr(at, ':')) {
    if (*at == ':') ++at;
    if (!Join(at, strcspn(at, ":"), name, path)) continue;
    execve(path, plan.args, plan.env);
    if (errno == EACCES)
      denied = true;
    else if (errno != ENOENT && errno != ENOTDIR)
      return Fail(Step::kExec, name);
  }
  return FailWith(denied ? EACCES : ENOENT, Step::kNotInPath, name);
}

bool Readable(int fd) noexcept {
  pollfd waited{fd, POLLIN, 0};
  timespec now{};
  return syscall(SYS_ppoll, &waited, 1, &now, nullptr, 0) > 0;
}

}  // namespace

// A directory that only root may enter is entered while we are; one that only the user may (a
// network file system that squashes root), afterwards.
Outcome EnterDirectory(const Plan& plan, State& state) noexcept {
  state.in_cwd = chdir(plan.cwd) == 0;
  return {};
}

Outcome CheckDirectory(const Plan& plan, State& state) noexcept {
  if (!state.in_cwd && chdir(plan.cwd) < 0) return Fail(Step::kWorkingDirectory, plan.cwd);
  // A directory outside the root has no path here: "(unreachable)...". Never start a process in
  // one.
  char path[kMaxPath];
  if (syscall(SYS_getcwd, path, sizeof path) < 0) return Fail(Step::kWorkingDirectory, plan.cwd);
  if (path[0] != '/') return FailWith(EXDEV, Step::kWorkingDirectory, plan.cwd);
  return {};
}

Outcome Execute(const Plan& plan, State&) noexcept {
  if (plan.no_new_privs) INIT_TRY(LoadFilter(plan));
  if (!strchr(plan.args[0], '/')) return ExecuteInPath(plan);
  execve(plan.args[0], plan.args, plan.env);
  return Fail(Step::kExec, plan.args[0]);
}

// Pause itself stays where no container sees it. Its child is seen by all of them: it has no descriptor, and ends when
// pause does.
Outcome StartFirst(const Plan& plan, State&) noexcept {
  if (!plan.pid_namespace) return {};
  Fd pause(static_cast<int>(syscall(SYS_pidfd_open, syscall(SYS_getpid), 0)));
  if (!pause.valid()) return Fail(Step::kSetup, "pidfd_open");
  int pidfd;
  int pid = Clone(0, -1, &pidfd);
  if (pid < 0) return Fail(Step::kNamespaces, "clone");
  if (pid > 0) return {};
  for (int fd = 0; fd < 3; ++fd) close(fd);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) return Fail(Step::kSetup, "PR_SET_PDEATHSIG");
  if (Readable(pause.get())) _exit(127);  // it had ended before
  return {};
}

Outcome ExecutePause(const Plan& plan, State&) noexcept {
  syscall(SYS_execveat, plan.program, "", plan.args, plan.env, AT_EMPTY_PATH);
  return Fail(Step::kExec, "cradle-pause");
}

}  // namespace cradle::init
