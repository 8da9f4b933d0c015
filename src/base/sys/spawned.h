// The children that Spawn made and nobody has reaped yet: ReapStrangers leaves them alone. Of sys:: alone.
#pragma once

#include <sys/types.h>

#include <mutex>
#include <set>

namespace cradle::sys::internal {

// Held across a spawn, so that a child which ends at once isn't taken for a stranger.
extern std::mutex g_spawned_mutex;
extern std::set<pid_t> g_spawned;

}  // namespace cradle::sys::internal
