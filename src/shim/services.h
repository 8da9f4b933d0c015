// What the parts of a shim share. One per process, made by main, outlives everything that uses it. Main thread.
#pragma once

#include <memory>
#include <string>

#include "base/event_loop.h"
#include "base/fd.h"
#include "base/sys/memory.h"
#include "logs/log_thread.h"
#include "shim/keep.h"
#include "shim/server.h"

namespace cradle::shim {

struct Services {
  EventLoop& loop;
  Server& server;
  UniqueFd dir;             // the pod's directory in the run state: exit files
  UniqueFd pause_program;   // O_PATH
  sys::PageBuffer scratch;  // for reading what an exec writes
  std::unique_ptr<logs::LogThread> log;
  Keep keep;                // once pause is there

  // The log thread, started when the first container is.
  Result<logs::LogThread*> Log();
};

// Kills every process of a cgroup of the v2 tree (when not empty) and the process of the pidfd (when valid).
void KillAll(const std::string& cgroup_v2, FdRef pidfd);

}  // namespace cradle::shim
