// System calls by name and architecture: libseccomp's table, and what is newer than it or what it numbers its own way.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace cradle::container {

struct SyscallArch {
  uint32_t audit = 0;     // AUDIT_ARCH_*, what a filter sees
  uint32_t seccomp = 0;   // libseccomp's token
  const char* oci = "";   // "SCMP_ARCH_X86_64"
  const char* go = "";    // "amd64", in Docker's profiles
};

const SyscallArch& NativeArch();
// Its 32-bit sibling that the same kernel runs, or null.
const SyscallArch* CompatArch();
// Nothing: no such call there.
std::optional<uint32_t> SyscallNumber(const SyscallArch& arch, const std::string& name);

}  // namespace cradle::container
