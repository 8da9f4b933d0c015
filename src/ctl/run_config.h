// `run`'s options as the CRI's configurations. Pure, but for `--env NAME`, which reads our
// environment.
#pragma once

#include <string>

#include "cri/api.pb.h"
#include "ctl/verbs.h"

namespace cradle::ctl {

inline constexpr char kNamespace[] = "default";

// "registry/lib/busybox:1" and some hex digits: "busybox-1f2e3d".
std::string NameFromImage(const std::string& image, const std::string& hex);
runtime::v1::PodSandboxConfig PodConfigFrom(const RunOptions& options, const std::string& uid,
                                            const std::string& logs);
// "64Mi", "0.5"; empty: left alone. Errors name the option.
Result<> SetLimits(const std::string& memory, const std::string& cpus,
                   runtime::v1::LinuxContainerResources& resources);
// Without its image. Errors name the option.
Result<runtime::v1::ContainerConfig> ContainerConfigFrom(const RunOptions& options);

}  // namespace cradle::ctl
