// What the process may do: user, groups, capabilities (capabilities(7)), no_new_privs, the seccomp
// filter.
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "container/init/kernel.h"
#include "container/init/steps.h"

namespace cradle::init {
namespace {

constexpr uint32_t kPauseId = 65535;  // nobody's, as other runtimes' pause images have it

// Capabilities this kernel doesn't know end the loop; those already gone are fine.
Outcome LimitBounding(uint64_t keep) noexcept {
  for (unsigned long cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; ++cap)
    if (!(keep >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
      return Fail(Step::kPrivileges, "drop from the bounding set");
  return {};
}

// Raw calls: glibc's would make every thread of the shim change too, and wait for threads that
// aren't here.
Outcome BecomeUser(const State& state) noexcept {
  if (syscall(SYS_setgroups, state.group_count, state.groups) < 0)
    return Fail(Step::kPrivileges, "setgroups");
  if (syscall(SYS_setresgid, state.gid, state.gid, state.gid) < 0)
    return Fail(Step::kPrivileges, "setresgid");
  if (syscall(SYS_setresuid, state.uid, state.uid, state.uid) < 0)
    return Fail(Step::kPrivileges, "setresuid");
  return {};
}

uint32_t Half(uint64_t set, int half) noexcept { return static_cast<uint32_t>(set >> (32 * half)); }

// What the shim itself lacks can't be given.
Outcome SetCapabilities(const Capabilities& wanted) noexcept {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (syscall(SYS_capget, &head, data) < 0) return Fail(Step::kPrivileges, "capget");
  for (int half = 0; half < 2; ++half) {
    uint32_t have = data[half].permitted;
    data[half].permitted = Half(wanted.permitted, half) & have;
    data[half].effective = Half(wanted.effective, half) & data[half].permitted;
    data[half].inheritable = Half(wanted.inheritable, half) & have;
  }
  if (syscall(SYS_capset, &head, data) < 0) return Fail(Step::kPrivileges, "capset");
  for (unsigned long cap = 0; cap < 64; ++cap) {
    const __user_cap_data_struct& half = data[cap / 32];
    uint32_t bit = uint32_t{1} << (cap % 32);
    if (!(wanted.ambient >> cap & 1) || !(half.permitted & half.inheritable & bit)) continue;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
      return Fail(Step::kPrivileges, "raise ambient");
  }
  return {};
}

}  // namespace

Outcome LoadFilter(const Plan& plan) noexcept {
  sock_fprog program{plan.filter_length, static_cast<sock_filter*>(const_cast<void*>(plan.filter))};
  if (plan.filter_length && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
    return Fail(Step::kSeccomp);
  return {};
}

Outcome DropPrivileges(const Plan& plan, State& state) noexcept {
  if (plan.no_new_privs) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return Fail(Step::kPrivileges, "no_new_privs");
  } else {
    // Loading needs CAP_SYS_ADMIN then, so it comes before the drop; what follows must pass the
    // filter.
    INIT_TRY(LoadFilter(plan));
  }
  INIT_TRY(LimitBounding(plan.capabilities.bounding));
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return Fail(Step::kPrivileges, "keep capabilities");
  INIT_TRY(BecomeUser(state));
  return SetCapabilities(plan.capabilities);
}

// The plan names no capabilities. Of a user namespace's ids the last one, where it has fewer.
Outcome DropEverything(const Plan& plan, State& state) noexcept {
  state.uid = state.gid = kPauseId;
  if (plan.users && plan.users->uid_count <= state.uid) state.uid = plan.users->uid_count - 1;
  if (plan.users && plan.users->gid_count <= state.gid) state.gid = plan.users->gid_count - 1;
  return DropPrivileges(plan, state);
}

}  // namespace cradle::init
