// A pod as the CRI request says, checked and free of protobuf, and its record on disk.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "cgroups/cgroups.h"
#include "cni/network.h"
#include "container/plan.h"
#include "container/selinux.h"

namespace cradle::sandbox {

using StringMap = std::map<std::string, std::string>;

struct DnsSpec {
  std::vector<std::string> servers, searches, options;
  bool operator==(const DnsSpec&) const = default;
};

// What all containers together get, and what the pod costs beside them. Only remembered: the pod's cgroup is the kubelet's.
struct PodResources {
  std::optional<cgroups::Limits> overhead, containers;

  std::string ToJson() const;
  static Result<PodResources> FromJson(std::string_view text);
};

// What a pod may say of its /proc views.
inline constexpr char kViewsAnnotation[] = "cradle.io/proc-views";
inline constexpr char kViewsOn[] = "on", kViewsOff[] = "off";

struct PodSpec {
  std::string name, uid, name_space;
  uint32_t attempt = 0;
  std::string handler;                   // runtime handler; one that was configured when the pod was made
  std::string hostname;
  std::string log_directory;             // absolute or empty
  std::optional<DnsSpec> dns;            // unset: the node's resolv.conf
  std::vector<cni::PortMapping> port_mappings;  // host_port != 0 only
  StringMap labels, annotations;
  std::string cgroup_parent;             // as given; empty: one of cradle's own
  StringMap sysctls;                     // checked: names and values
  bool host_network = false, host_ipc = false;
  container::PidMode pid_mode = container::PidMode::kPod;  // the pod's: kPod, kContainer or kNode
  std::optional<container::UserNamespace> users;  // unset: the host's
  bool privileged = false;
  container::SelinuxOptions selinux;
  PodResources resources;

  // "namespace/name/uid/attempt": one pod at a time has it.
  std::string Key() const;
  std::string DisplayName() const { return name_space + "/" + name; }
  std::string ToJson() const;
  static Result<PodSpec> FromJson(std::string_view text);
};

// On disk: `<root>/pods/<id>/pod.json`, written once, before the first kernel object exists.
struct PodRecord {
  PodId id;
  PodSpec spec;
  std::string cgroup_parent;  // of pause's and the containers' groups, absolute
  bool own_parent = false;    // the parent is ours: goes with the pod
  int64_t created_at = 0;     // ns
  std::string boot_id;
  std::string selinux_level;  // the pod's own, where it asked for none; empty: no SELinux

  std::string ToJson() const;
  static Result<PodRecord> FromJson(std::string_view text);
};

}  // namespace cradle::sandbox
