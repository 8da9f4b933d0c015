// CreateContainer's configuration as a ContainerSpec. Pure: every field is checked, none is looked
// up. Errors are INVALID_ARGUMENT and name the field below config; what this version can't do yet
// is UNIMPLEMENTED.
#pragma once

#include "base/result.h"
#include "container/spec.h"
#include "cri/api.pb.h"
#include "sandbox/spec.h"

namespace cradle::cri {

// `pod` decides the network and ipc namespaces, whatever the container says, and what POD means for
// its pid namespace: the host's in a pod on the host's, the container's own in a pod whose
// containers share none.
Result<container::ContainerSpec> ContainerSpecFrom(const runtime::v1::ContainerConfig& config,
                                                   const sandbox::PodSpec& pod);

Result<container::SecuritySpec> SecuritySpecFrom(
    const runtime::v1::LinuxContainerSecurityContext& context, const sandbox::PodSpec& pod);
// Of a pod or a container; what isn't given is empty.
Result<container::SelinuxOptions> SelinuxOptionsFrom(const runtime::v1::SELinuxOption& options);
// Checked; `field`, where they stand in the request, begins its errors. The devices are left unset.
Result<cgroups::Limits> LimitsFrom(const char* field,
                                   const runtime::v1::LinuxContainerResources& resources);

// Signals. The CRI's name as the specification's ("SIGTERM", "SIGRTMIN+3"; "" for the default), a
// number as the CRI's.
std::string SignalNameFrom(runtime::v1::Signal signal);
runtime::v1::Signal SignalFrom(int number);

}  // namespace cradle::cri
