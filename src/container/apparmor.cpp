#include "container/apparmor.h"

#include <signal.h>

#include <algorithm>

#include "base/sys/file.h"
#include "base/sys/process.h"

namespace cradle::container {
namespace {

constexpr milliseconds kParse{30'000};
constexpr milliseconds kReap{5'000};
constexpr size_t kMaxSaid = 1024;
constexpr size_t kMaxProfiles = 4 << 20;

// What a container without privileges has no business with, should a mount, a capability or a bug of the kernel offer
// it: mounting, the host's settings in /proc and /sys, and processes outside. A rule that denies wins over one that
// allows; "not below sys/kernel/shm*" needs one rule for each letter in which a path may differ from it.
constexpr char kProfile[] = R"(
profile cradle-default flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,

  signal (send, receive) peer=cradle-default,
  signal (receive) peer=unconfined,
  ptrace (trace, tracedby, read, readby) peer=cradle-default,

  deny mount,

  # /proc: each process's own directory, and the limits of System V shared memory, which are the pod's.
  deny /proc/* w,
  deny /proc/[^1-9s]*/** wkl,
  deny /proc/s[^y]*/** wkl,
  deny /proc/sys[^/]*/** wkl,
  deny /proc/sys/[^k]** wkl,
  deny /proc/sys/kernel/[^s]** wkl,
  deny /proc/sys/kernel/s[^h]** wkl,
  deny /proc/sys/kernel/sh[^m]** wkl,
  deny /proc/sysrq-trigger rwkl,
  deny /proc/kcore rwkl,

  # /sys: cgroups alone are written to.
  deny /sys/[^f]** wkl,
  deny /sys/f[^s]** wkl,
  deny /sys/fs/[^c]** wkl,
  deny /sys/fs/c[^g]** wkl,
  deny /sys/fs/cg[^r]** wkl,
  deny /sys/firmware/** rwkl,
  deny /sys/devices/virtual/powercap/** rwkl,
  deny /sys/kernel/security/** rwkl,
}
)";

// The beginning of what was written to `file`, as one line.
std::string Said(FdRef file) {
  std::string text(kMaxSaid, '\0');
  text.resize(sys::Pread(file, text.data(), text.size(), 0).value_or(0));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

Result<> RunParser(const std::string& program) {
  UniqueFd profile = TRY(sys::SealedMemfd("apparmor-profile", kProfile));
  UniqueFd said = TRY(sys::MakeMemfd("apparmor-parser"));
  sys::SpawnOptions options;
  options.program = program;
  options.args = {"apparmor_parser", "--replace", "--skip-cache"};
  options.fds = {{profile, 0}, {said, 1}, {said, 2}};
  sys::Child child = TRY(sys::Spawn(options));
  auto exit = sys::WaitPidfd(child.pidfd, After(kParse));
  if (!exit.ok()) {
    (void)sys::PidfdSendSignal(child.pidfd, SIGKILL);
    (void)sys::WaitPidfd(child.pidfd, After(kReap));
    return std::move(exit.error());
  }
  if (exit->code == 0 && exit->signal == 0) return {};
  std::string how = exit->signal ? Cat("killed by signal ", std::to_string(exit->signal))
                                 : Cat("exited with ", std::to_string(exit->code));
  return FailedPrecondition(Cat(how, ": ", Said(said)));
}

// One line for each profile: "NAME (MODE)". Some tools unload what they don't know.
bool IsLoaded() {
  auto profiles = sys::ReadFile(kCwd, "/sys/kernel/security/apparmor/profiles", kMaxProfiles);
  return !profiles.ok() || Cat("\n", *profiles).find(Cat("\n", kAppArmorDefault, " (")) != std::string::npos;
}

}  // namespace

bool KernelHasAppArmor() {
  auto enabled = sys::ReadFile(kCwd, "/sys/module/apparmor/parameters/enabled", 16);
  return enabled.ok() && enabled->starts_with('Y');
}

std::string AppArmorParser() {
  for (const char* path : {"/usr/sbin/apparmor_parser", "/sbin/apparmor_parser"})
    if (sys::Exists(kCwd, path)) return path;
  return "";
}

Result<> AppArmorDefault::Load() {
  std::lock_guard lock(mutex_);
  if (loaded_ && IsLoaded()) return {};
  TRYV(RunParser(AppArmorParser()).With(Cat("load apparmor profile ", kAppArmorDefault, ": apparmor_parser")));
  loaded_ = true;
  return {};
}

}  // namespace cradle::container
