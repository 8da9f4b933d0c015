// Runs the hooks of CDI specifications beside a container whose first process waits at its gate (or runs, or is over): the
// OCI state on stdin, and a bundle folder with config.json and `rootfs`, the container's files with all that is mounted
// there. Programs and libraries are the host's. The bundle's mount is in a mount namespace of the hook's own: neither the
// host nor the container sees it, nor what the hook mounts, and nothing is left when the daemon dies in the middle.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "cdi/edits.h"

namespace cradle::cdi {

struct HookRun {
  std::string bundle;          // a folder that isn't there; made, and removed
  std::string config;          // config.json's text; its root is "rootfs"
  std::string state;           // the OCI state's
  FdRef mount_namespace = {};  // the container's; invalid: it is over, and `rootfs` is empty
};

// One after the other, each with its own timeout (30 s without one). The first that fails ends it: the error has the end of
// its stderr. Blocks; any thread.
Result<> RunHooks(const std::vector<Hook>& hooks, const HookRun& run);

}  // namespace cradle::cdi
