// SELinux: the labels ("user:role:type:level") that a pod's processes and files get, by the node's policy and the
// request. Two pods differ in their level's categories (MCS): what one's processes make, the other's can't touch.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace cradle::container {

// Of a request; empty: as the policy says.
struct SelinuxOptions {
  std::string user, role, type, level;
};

// What the node's policy calls containers; both empty: the kernel has no SELinux, or no policy is loaded.
struct SelinuxPolicy {
  std::string process, file;
  bool enabled() const { return !process.empty(); }
  // "s0"; empty: the policy has no levels.
  std::string BaseLevel() const;
};
SelinuxPolicy DetectSelinux();
// The contents of the policy's file lxc_contexts. What it lacks is as in the reference policy.
SelinuxPolicy ParseSelinuxContexts(std::string_view text);

struct SelinuxLabels {
  std::string process, file;
};
// Both empty where the policy is. A privileged container's process is confined by type alone (spc_t), and sees every
// category; its files are the pod's, as others' are.
SelinuxLabels BuildSelinuxLabels(const SelinuxPolicy& policy, const SelinuxOptions& asked, const SelinuxOptions& pod,
                                 bool privileged);
// One of half a million: "s0:c7,c301".
std::string RandomSelinuxLevel(const std::string& base);

// Gives everything below `path`, and last `path` itself, the label: one that has it already is left alone. Links are not
// followed, mounts below not entered; a file system without labels is fine, and what is neither directory nor file is left
// alone. FAILED_PRECONDITION for the system's own directories, DEADLINE_EXCEEDED: the next try begins again.
Result<> Relabel(const std::string& path, const std::string& label, Deadline deadline);

}  // namespace cradle::container
