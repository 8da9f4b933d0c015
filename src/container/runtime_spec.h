// The OCI runtime specification's config.json of a container, and of a pod's own process: what an OCI runtime would have
// to be given to make the same. For tools that look into containers by it; here nothing is made from it. Annotations are
// those that containerd writes. Pure.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>

#include "cgroups/cgroups.h"
#include "container/plan.h"
#include "container/seccomp_profile.h"
#include "container/spec.h"

namespace cradle::container {

// What a specification says of the pod.
struct PodFacts {
  std::string id, name, name_space, uid;
  std::string log_directory;
  std::string hostname;
  std::string cgroup;                    // of the pod's own process
  StringMap sysctls;
  uint64_t new_namespaces = 0;           // CLONE_NEW* that the pod has of its own
  pid_t pause_pid = 0;                   // 0: none
};

// What came of the plan.
struct ContainerFacts {
  ResolvedUser user;
  cgroups::Limits limits;                // as applied, devices too
  std::optional<SeccompProfile> seccomp;
};

std::string FormatRuntimeSpec(const ContainerRecord& record, const LaunchPlan& plan, const ContainerFacts& facts,
                              const PodFacts& pod);
std::string FormatPodRuntimeSpec(const PodFacts& pod);

}  // namespace cradle::container
