// What must be so before anything is served: directories with their modes, a tmpfs under the run state, one daemon per
// root, the programs that cradled starts.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "config/config.h"

namespace cradle::daemon {

struct Programs {
  std::string shim, unpack, pause;  // absolute paths
};

// Beside this program: <prefix>/bin/cradled finds <prefix>/libexec/cradle/*, in a build tree too.
Result<Programs> FindPrograms();

// Makes root and state (0700), mounts a tmpfs on state when it lies on none (records there are written without fsync
// and must go with a reboot), takes the lock of root and of state. The locks live as long as the descriptors.
struct Ground {
  UniqueFd root_lock, state_lock;
};
Result<Ground> PrepareGround(const config::Config& config);

}  // namespace cradle::daemon
