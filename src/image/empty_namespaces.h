// EmptyNamespaces: a mount namespace that holds one file system, empty and read-only, and a network namespace that holds
// nothing but a loopback interface that is down. Every unpacker joins them: no path leads to the node's files, and no socket,
// if it could have one, to a network. One pair for the whole process: making and ending such namespaces takes the kernel
// milliseconds, joining them microseconds. Thread safe.
#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace cradle::image {

struct EmptyNamespaces {
  UniqueFd mounts, network;
};

// The process's own, made by the first who asks. Needs CAP_SYS_ADMIN.
Result<const EmptyNamespaces*> LoadEmptyNamespaces();

}  // namespace cradle::image
