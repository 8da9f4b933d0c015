#include "base/sys/confine.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <vector>

#include "base/sys/file.h"
#include "base/sys/mount.h"

namespace cradle::sys {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kAuditArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kAuditArch = AUDIT_ARCH_AARCH64;
#else
#error "name this architecture's AUDIT_ARCH"
#endif

Result<> Done(long result, std::string_view what) {
  if (result < 0) return Error::FromErrno(errno, what);
  return {};
}

sock_filter Load(size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}
sock_filter SkipUnlessEqual(uint32_t value) { return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1); }
sock_filter SkipIfEqual(uint32_t value) { return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0); }
sock_filter Return(uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }

}  // namespace

Result<UniqueFd> DetachedClone(FdRef dir, Access access) {
  UniqueFd clone = TRY(OpenTree(dir, "", AT_EMPTY_PATH | OPEN_TREE_CLONE));
  if (access == Access::kReadOnly) {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    TRYV(Done(::mount_setattr(clone.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes),
              "mount_setattr"));
  }
  return clone;
}

Result<> ChrootTo(FdRef dir) {
  TRYV(Fchdir(dir));
  return Done(::chroot("."), "chroot");
}

Result<> PivotTo(FdRef dir) {
  TRYV(Fchdir(dir));
  TRYV(Done(::syscall(SYS_pivot_root, ".", "."), "pivot_root"));
  // The old root is on top of the new one now, and "." is still the place.
  return Umount(".", MNT_DETACH);
}

Result<> SetResourceLimit(__rlimit_resource_t resource, uint64_t value) {
  rlimit limit{value, value};
  return Done(::setrlimit(resource, &limit), "setrlimit");
}

Result<> KeepCapabilities(uint64_t mask) {
  for (unsigned long cap = 0; ::prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; ++cap)
    if (!(mask >> cap & 1)) TRYV(Done(::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0), "PR_CAPBSET_DROP"));
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  TRYV(Done(::syscall(SYS_capget, &header, data), "capget"));
  for (int half = 0; half < 2; ++half) {
    data[half].permitted &= static_cast<uint32_t>(mask >> (32 * half));
    data[half].effective = data[half].permitted;
    data[half].inheritable = 0;
  }
  return Done(::syscall(SYS_capset, &header, data), "capset");
}

Result<> SetNoNewPrivileges() {
  return Done(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
}

Result<> AllowSystemCalls(std::span<const int> allowed) {
  std::vector<sock_filter> program{
      Load(offsetof(seccomp_data, arch)), SkipIfEqual(kAuditArch), Return(SECCOMP_RET_KILL_PROCESS),
      Load(offsetof(seccomp_data, nr))};
  for (int number : allowed) {
    program.push_back(SkipUnlessEqual(static_cast<uint32_t>(number)));
    program.push_back(Return(SECCOMP_RET_ALLOW));
  }
  program.push_back(Return(SECCOMP_RET_KILL_PROCESS));
  sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  long failed = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
  if (failed > 0) return Internal("seccomp: a thread could not take the filter");
  return Done(failed, "seccomp");
}

}  // namespace cradle::sys
