// A container's /proc views from the daemon's side: whether it gets them, and how they are ended when the shim that serves
// them doesn't answer. A process waits unkillably for an answer that a server has begun: without the end of its FUSE
// connection it couldn't be stopped.
#pragma once

#include <map>

#include "base/ids.h"
#include "base/result.h"
#include "cgroups/cgroups.h"
#include "sandbox/runtime.h"

namespace cradle::sandbox {

// What the pod's handler says, and what the pod's annotation cradle.io/proc-views makes of it. A handler that was taken out
// of the configuration since is the one without a name.
container::Views ViewsOf(const std::map<std::string, Handler>& handlers, const PodSpec& spec);

// The number of the connection, from the text of a /proc/PID/mountinfo of the container; nothing when it has none there.
std::optional<uint64_t> FindViews(std::string_view mountinfo, const ContainerId& container);
// Ends the connection of the container's views (Documentation/filesystems/fuse.rst, "abort"), found in the mounts of the
// processes in its group: whoever waits for an answer gets ECONNABORTED, and can die. Nothing to end is fine.
Result<> AbortViews(const cgroups::Placement& group, const ContainerId& container);

}  // namespace cradle::sandbox
