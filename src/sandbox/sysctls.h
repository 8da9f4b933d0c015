// Which kernel parameters a pod may set: those of its own network and IPC namespaces, as the kubelet knows them
// (net.*, kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.*). Pure.
#pragma once

#include "base/result.h"
#include "sandbox/spec.h"

namespace cradle::sandbox {

// INVALID_ARGUMENT naming the parameter: malformed, not namespaced, of a namespace that is the host's, or a value that
// is longer than a page or holds control bytes. Parts of a name are separated by '.', or by '/'.
Result<> CheckSysctls(const StringMap& sysctls, bool host_network, bool host_ipc);

}  // namespace cradle::sandbox
