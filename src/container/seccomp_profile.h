// Seccomp profiles: parsed or built in, then compiled to a BPF program by us. libseccomp only knows the system calls'
// numbers here: its own programs for three architectures are 1,150 instructions and take 15-25 ms to make and 0.3-1.6
// ms of every container's start to load; these are a binary search of a few hundred that loads in a tenth. Pure.
//
// Meaning of a profile, as runc gives it: conditions of one rule hold together, but conditions on the same argument are
// alternatives; a rule without conditions that does what the default does is skipped. Of several rules for one call
// those with conditions come first, in their order, then the first without. A call numbered above every call that the profile names gets
// ENOSYS, not the default: a C library then falls back to what it knew before. x32 gets ENOSYS always; a call of an
// architecture that the profile doesn't list kills the process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cradle::container {

struct SeccompArg {
  enum class Op : uint8_t { kNotEqual, kLess, kLessOrEqual, kEqual, kGreaterOrEqual, kGreater, kMaskedEqual };
  unsigned index = 0;          // 0-5
  Op op = Op::kEqual;
  uint64_t value = 0;          // kMaskedEqual: the mask
  uint64_t masked_value = 0;   // kMaskedEqual: what is left of it
};

struct SeccompRule {
  std::vector<std::string> names;
  uint32_t action = 0;         // SECCOMP_RET_* with its data
  std::vector<SeccompArg> args;
};

struct SeccompProfile {
  uint32_t default_action = 0;
  bool compat = false;         // the native architecture's 32-bit sibling too
  std::vector<SeccompRule> rules;
};

// RuntimeDefault for a process with these capabilities (bit mask): containerd's, with AF_ALG and AF_VSOCK refused
// however the upper half of the argument is set. 32-bit programs run, too.
SeccompProfile DefaultSeccompProfile(uint64_t caps);

// The OCI runtime specification's linux.seccomp, or Docker's format with includes, excludes and archMap, which are
// resolved for `caps`, this architecture and this kernel. INVALID_ARGUMENT saying what is wrong.
Result<SeccompProfile> ParseSeccompProfile(std::string_view text, uint64_t caps);

// A profile on the node, at most 1 MiB. INVALID_ARGUMENT: no regular file, or larger.
Result<std::string> ReadSeccompProfile(const std::string& path);

// struct sock_filter[] as bytes. Names of no system call are skipped. INVALID_ARGUMENT: longer than the kernel takes.
Result<std::string> CompileSeccomp(const SeccompProfile& profile);

}  // namespace cradle::container
