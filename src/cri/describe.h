// What the runtime knows, as the CRI's messages. Pure.
#pragma once

#include <string>

#include "cri/api.pb.h"
#include "image/store.h"
#include "sandbox/runtime.h"

namespace cradle::cri {

runtime::v1::PodSandbox DescribePod(const sandbox::PodView& pod);
runtime::v1::PodSandboxStatus DescribePodStatus(const sandbox::PodView& pod);
runtime::v1::Container DescribeContainer(const sandbox::ContainerView& container);
// Reason, message and exit code are filled when it has exited. Mounts are those of the request.
runtime::v1::ContainerStatus DescribeContainerStatus(const sandbox::ContainerView& container);
runtime::v1::ContainerAttributes DescribeAttributes(const sandbox::ContainerView& container);
runtime::v1::PodSandboxAttributes DescribeAttributes(const sandbox::PodView& pod);
runtime::v1::ContainerEventResponse DescribeEvent(const sandbox::Event& event);
runtime::v1::Image DescribeImage(const image::Image& image);

// Parts that configurations have, too.
void FillMetadata(const sandbox::PodSpec& spec, runtime::v1::PodSandboxMetadata* out);
void FillMetadata(const container::ContainerSpec& spec, runtime::v1::ContainerMetadata* out);
void FillNamespaces(const sandbox::PodSpec& spec, runtime::v1::NamespaceOption* out);
void FillMount(const container::MountSpec& mount, runtime::v1::Mount* out);
void FillLimits(const cgroups::Limits& limits, int64_t oom_score_adj, runtime::v1::LinuxContainerResources* out);
runtime::v1::NamespaceMode ModeOf(container::PidMode mode);

runtime::v1::PodSandboxState StateOf(const sandbox::PodView& pod);
runtime::v1::ContainerState StateOf(const sandbox::ContainerView& container);

}  // namespace cradle::cri
