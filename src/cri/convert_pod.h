// RunPodSandbox's configuration as a PodSpec. Pure: every field is checked, none is looked up.
// Errors are INVALID_ARGUMENT and name the field below config ("linux.security_context.run_as_user:
// -1: ...").
#pragma once

#include <set>
#include <string>

#include "base/result.h"
#include "cri/api.pb.h"
#include "sandbox/spec.h"

namespace cradle::cri {

// Not said means POD for network, pid and ipc: the protocol's zero. A DNS configuration without any
// entry counts as none: the node's resolv.conf.
// `handlers`: those that are configured.
Result<sandbox::PodSpec> PodSpecFrom(const runtime::v1::PodSandboxConfig& config, const std::string& runtime_handler,
                                     const std::set<std::string>& handlers);

}  // namespace cradle::cri
