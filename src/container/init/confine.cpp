// What the next exec is to run under. The kernel keeps it until then, through every change of namespaces and ids, so it
// is asked for first: while /proc is the host's, and before the daemon is told that the container is ready.
#include <linux/magic.h>
#include <sys/statfs.h>

#include <cstring>

#include "container/init/kernel.h"
#include "container/init/steps.h"

namespace cradle::init {
namespace {

// Writes to a file of procfs itself: nothing that was mounted over it, no magic link.
int SetAttribute(const char* name, const char* value) noexcept {
  Fd proc(open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct statfs fs;
  if (!proc.valid() || fstatfs(proc.get(), &fs) < 0) return -1;
  if (fs.f_type != PROC_SUPER_MAGIC) return errno = ENOTSUP, -1;
  constexpr uint64_t kResolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS;
  Fd dir(OpenAt2(proc.get(), "thread-self/attr", O_PATH | O_DIRECTORY, kResolve));
  Fd file(dir.valid() ? OpenAt2(dir.get(), name, O_WRONLY, kResolve) : -1);
  return file.valid() && write(file.get(), value, strlen(value)) >= 0 ? 0 : -1;
}

}  // namespace

Outcome Confine(const Plan& plan, State&) noexcept {
  if (plan.apparmor && SetAttribute("apparmor/exec", plan.apparmor) < 0)
    return Fail(Step::kAppArmor, plan.apparmor);
  if (!plan.selinux) return {};
  // The session keyring that is joined later is the container's, too.
  for (const char* name : {"exec", "keycreate"})
    if (SetAttribute(name, plan.selinux) < 0) return Fail(Step::kSelinux, plan.selinux);
  return {};
}

}  // namespace cradle::init
