// Runs the hooks of CDI specifications beside a container whose first process waits at its gate (or runs, or is over): the
// OCI state on stdin, and a bundle folder with config.json and `rootfs`, the container's files with all that is mounted
// there. Programs and libraries are the host's. The bundle's mount is in a mount namespace of the hook's own: neither the
// host nor the container sees it, nor what the hook mounts, and nothing is left when the daemon dies in the middle.
// startContainer's are the container's own programs, and run as its execs (sandbox/hooks.cpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"
#include "base/sys/process.h"
#include "cdi/edits.h"

namespace cradle::cdi {

// Its own, or 30 s.
seconds TimeoutOf(const Hook& hook);
// What becomes of a hook that ended so: an error names it, why, and what it said.
Result<> Judge(const Hook& hook, Result<sys::Exit> exit, std::string_view errors);

struct HookRun {
  std::string bundle;          // a folder that isn't there; made, and removed
  std::string config;          // config.json's text; its root is "rootfs"
  std::string state;           // the OCI state's
  FdRef mount_namespace = {};  // the container's; invalid: it is over, and `rootfs` is empty
};

// One after the other. The first that fails ends it: the error has the end of its stderr. Blocks; any thread.
Result<> RunHooks(const std::vector<Hook>& hooks, const HookRun& run);

}  // namespace cradle::cdi
