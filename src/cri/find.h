// Looking for pods and containers as requests name them: by id, by the beginning of one, by filter.
// From memory.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cri/api.pb.h"
#include "sandbox/runtime.h"

namespace cradle::cri {

// NOT_FOUND also for what can't be an id; INVALID_ARGUMENT for nothing at all and for a prefix that
// several have.
Result<sandbox::PodPtr> FindPod(const sandbox::Runtime& runtime, const std::string& id);
Result<sandbox::ContainerPtr> FindContainer(const sandbox::Runtime& runtime, const std::string& id);

// For Stop and Remove: the whole id; what is unknown is fine, and unset here.
Result<std::optional<std::string>> FindPodToEnd(const sandbox::Runtime& runtime,
                                                const std::string& id);
Result<std::optional<std::string>> FindContainerToEnd(const sandbox::Runtime& runtime,
                                                      const std::string& id);

// Everything the filter lets through; an id that nothing has lets nothing through.
std::vector<sandbox::PodPtr> SelectPods(const sandbox::Runtime& runtime,
                                        const runtime::v1::PodSandboxFilter& filter);
std::vector<sandbox::ContainerPtr> SelectContainers(const sandbox::Runtime& runtime,
                                                    const runtime::v1::ContainerFilter& filter);

}  // namespace cradle::cri
