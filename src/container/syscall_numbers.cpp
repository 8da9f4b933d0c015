#include "container/syscall_numbers.h"

#include <linux/audit.h>
#include <seccomp.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace cradle::container {
namespace {

struct Numbered {
  std::string_view name;
  uint32_t number;
};

// Newer than libseccomp 2.5.4; since Linux 5.1 a call has the same number everywhere.
constexpr std::array kNew = {
    Numbered{"statmount", 457},         Numbered{"listmount", 458},        Numbered{"lsm_get_self_attr", 459},
    Numbered{"lsm_set_self_attr", 460}, Numbered{"lsm_list_modules", 461}, Numbered{"mseal", 462},
    Numbered{"setxattrat", 463},        Numbered{"getxattrat", 464},       Numbered{"listxattrat", 465},
    Numbered{"removexattrat", 466},     Numbered{"open_tree_attr", 467},   Numbered{"file_getattr", 468},
    Numbered{"file_setattr", 469},
};

// libseccomp means the parts of socketcall(2) and ipc(2) by these names; since Linux 4.3 and 5.1 they are calls.
constexpr std::array kX86 = {
    Numbered{"socket", 359},      Numbered{"socketpair", 360},  Numbered{"bind", 361},     Numbered{"connect", 362},
    Numbered{"listen", 363},      Numbered{"accept4", 364},     Numbered{"getsockopt", 365}, Numbered{"setsockopt", 366},
    Numbered{"getsockname", 367}, Numbered{"getpeername", 368}, Numbered{"sendto", 369},   Numbered{"sendmsg", 370},
    Numbered{"recvfrom", 371},    Numbered{"recvmsg", 372},     Numbered{"shutdown", 373}, Numbered{"semget", 393},
    Numbered{"semctl", 394},      Numbered{"shmget", 395},      Numbered{"shmctl", 396},   Numbered{"shmat", 397},
    Numbered{"shmdt", 398},       Numbered{"msgget", 399},      Numbered{"msgsnd", 400},   Numbered{"msgrcv", 401},
    Numbered{"msgctl", 402},
};

template <size_t N>
std::optional<uint32_t> Find(const std::array<Numbered, N>& table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const Numbered& entry) { return entry.name == name; });
  if (found == table.end()) return std::nullopt;
  return found->number;
}

constexpr SyscallArch kX86_64Arch = {AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64, "SCMP_ARCH_X86_64", "amd64"};
constexpr SyscallArch kX86Arch = {AUDIT_ARCH_I386, SCMP_ARCH_X86, "SCMP_ARCH_X86", "386"};
constexpr SyscallArch kArm64Arch = {AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64, "SCMP_ARCH_AARCH64", "arm64"};
constexpr SyscallArch kArmArch = {AUDIT_ARCH_ARM, SCMP_ARCH_ARM, "SCMP_ARCH_ARM", "arm"};

}  // namespace

const SyscallArch& NativeArch() {
#if defined(__x86_64__)
  return kX86_64Arch;
#elif defined(__aarch64__)
  return kArm64Arch;
#else
#error "no table of system calls for this architecture"
#endif
}

const SyscallArch* CompatArch() { return NativeArch().audit == AUDIT_ARCH_X86_64 ? &kX86Arch : &kArmArch; }

std::optional<uint32_t> SyscallNumber(const SyscallArch& arch, const std::string& name) {
  const int number = seccomp_syscall_resolve_name_arch(arch.seccomp, name.c_str());
  if (number >= 0) return static_cast<uint32_t>(number);
  if (arch.audit == AUDIT_ARCH_I386)
    if (const auto found = Find(kX86, name)) return found;
  if (arch.audit == AUDIT_ARCH_X86_64 && name == "uretprobe") return 335;
  return Find(kNew, name);
}

}  // namespace cradle::container
