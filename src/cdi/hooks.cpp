#include "cdi/hooks.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "base/printable.h"
#include "base/program.h"
#include "base/sys/file.h"
#include "base/sys/mount.h"
#include "base/sys/thread.h"

namespace cradle::cdi {
namespace {

constexpr seconds kTimeout{30};
constexpr size_t kStack = 256 << 10;

// A tree can be cloned only by who is in its namespace, and attached only by who is in the other.
Result<> ShowRoot(FdRef container, const std::string& at) {
  UniqueFd own = TRY(sys::OpenAt(kCwd, "/proc/thread-self/ns/mnt", O_RDONLY));
  TRYV(sys::Unshare(CLONE_FS));  // else this thread couldn't change namespaces alone
  TRYV(sys::Setns(container, CLONE_NEWNS));
  UniqueFd tree = TRY(sys::OpenTree(kCwd, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  TRYV(sys::Setns(own, CLONE_NEWNS));
  TRYV(sys::Unshare(CLONE_NEWNS));
  TRYV(sys::Mount("none", "/", "", MS_REC | MS_SLAVE, ""));
  return sys::MoveMount(tree, kCwd, at);
}

Result<> RunOne(const Hook& hook, const std::string& state) {
  ProgramRun run{hook.path, hook.args, hook.env, state};
  if (run.args.empty()) run.args = {hook.path};
  ProgramEnd end = RunProgram(run, After(TimeoutOf(hook)));
  return Judge(hook, std::move(end.exit), end.errors);
}

Result<> RunAll(const std::vector<Hook>& hooks, const HookRun& run) {
  if (run.mount_namespace.valid())
    TRYV(ShowRoot(run.mount_namespace, run.bundle + "/rootfs").With("the container's root for CDI hooks"));
  for (const Hook& hook : hooks) TRYV(RunOne(hook, run.state));
  return {};
}

Result<> MakeBundle(const HookRun& run) {
  TRYV(sys::MkdirAt(kCwd, run.bundle, 0700));
  TRYV(sys::MkdirAt(kCwd, run.bundle + "/rootfs", 0755));
  return sys::ReplaceFile(kCwd, run.bundle + "/config.json", run.config, 0600);
}

}  // namespace

seconds TimeoutOf(const Hook& hook) { return hook.timeout_seconds ? seconds(hook.timeout_seconds) : kTimeout; }

Result<> Judge(const Hook& hook, Result<sys::Exit> exit, std::string_view errors) {
  if (exit.ok() && exit->code == 0 && exit->signal == 0) return {};
  Error error = !exit.ok()       ? std::move(exit.error())
                : exit->signal   ? Internal(Cat("killed by signal ", std::to_string(exit->signal)))
                                 : Internal(Cat("exited with ", std::to_string(exit->code)));
  if (std::string said = Printable(errors); !said.empty())
    error = Error(error.code(), Cat(error.text(), "; it said: ", said));
  return std::move(error).With(Cat("CDI hook ", hook.stage, " ", hook.path));
}

Result<> RunHooks(const std::vector<Hook>& hooks, const HookRun& run) {
  if (hooks.empty()) return {};
  TRYV(sys::RemoveTree(kCwd, run.bundle));  // of a daemon that died
  Result<> done = MakeBundle(run).With("CDI hooks' bundle");
  if (done.ok()) {
    auto thread = sys::Thread::Start("cdi-hooks", kStack, [&] { done = RunAll(hooks, run); });
    if (!thread.ok()) done = std::move(thread.error());
  }  // which waits for it
  Result<> gone = sys::RemoveTree(kCwd, run.bundle);
  return done.ok() ? std::move(gone) : std::move(done);
}

}  // namespace cradle::cdi
