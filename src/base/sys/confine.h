// What a program gives up before it reads hostile bytes: its root, its capabilities, system calls, resources. One
// function per step, for the calling process; the order is the caller's (capabilities for chroot before they go).
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <span>

#include "base/fd.h"
#include "base/result.h"

namespace cradle::sys {

// A detached clone of the mount at the directory `dir`: its root is that directory, ".." stops there, and nothing else
// of the host's tree can be reached through it. Closing the descriptor unmounts it.
enum class Access { kReadWrite, kReadOnly };
Result<UniqueFd> DetachedClone(FdRef dir, Access access);
// fchdir(2) and chroot(2).
Result<> ChrootTo(FdRef dir);
// pivot_root(2): the mount at `dir` becomes the root of this mount namespace, and all other mounts leave it.
Result<> PivotTo(FdRef dir);
Result<> SetResourceLimit(__rlimit_resource_t resource, uint64_t value);
// Effective, permitted and bounding set become `mask` (what was missing before stays missing), the others empty.
Result<> KeepCapabilities(uint64_t mask);
Result<> SetNoNewPrivileges();
// Any other system call than `allowed` kills the process; all threads. Needs no_new_privs.
Result<> AllowSystemCalls(std::span<const int> allowed);

}  // namespace cradle::sys
