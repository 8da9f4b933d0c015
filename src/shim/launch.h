// Launching: from a plan to a process that waits at its gate (pause: that runs). Runs in the shim's main thread, which
// never waits here: the child reports over `report` (SOCK_SEQPACKET, close-on-exec in the child), and the shim's loop
// reads it with ReadReport when it is readable.
//
//   clone3 --> child sets itself up --> kReady --> waits for one byte on the gate --> drops, execs --> end of file
//                     |                                                               |
//                     +---- kFailed {step, errno, detail}, exits 127 <----------------+
//
// In a user namespace the container is set up by two processes, one after the other: kBorn, before kReady, names the
// second, our child too. The first one's end means nothing then.
//
// Pause and execs say kReady too, have no gate and go straight on. End of file is kExeced: the child execed, or was
// killed before it could; before kReady it was killed for sure, after it the exit status tells.
#pragma once

#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "container/plan.h"

namespace cradle::shim {

// The child's ends; moved in, closed in the parent after the clone. With a terminal they are invalid: the child opens
// a pty on the container's own devpts and sends the master with kReady.
struct Stdio {
  UniqueFd in, out, err;
};

struct Launched {
  pid_t pid = 0;     // in the host's pid namespace; our child
  UniqueFd pidfd;
  UniqueFd report;   // non-blocking
  UniqueFd gate;     // of a container: write one byte: go on to exec
  UniqueFd user_namespace;  // of pause, when it has its own
};

// The pod's infra process, as its containers need it.
struct Infra {
  pid_t pid = 0;
  FdRef pidfd;
  FdRef user_namespace = {};  // invalid: the host's
};

struct Report {
  enum class Kind { kBorn, kReady, kFailed, kExeced, kNothingYet };
  Kind kind = Kind::kNothingYet;
  pid_t pid = 0;                 // kBorn: the process that the container is from here on
  UniqueFd pidfd;                // kBorn
  container::ResolvedUser user;  // kReady of a container
  UniqueFd terminal;             // kReady with a terminal: the master
  Error error{Code::kInternal, ""};  // kFailed: "mount /proc: Operation not permitted"
};

// `pause_program`: an open (O_PATH) cradle-pause. Pause execs at once, without waiting for the gate. `in`, `out`: what it
// is to hold (keep.h); /dev/null where invalid. A new pid namespace is that of pause's only child, which holds nothing.
Result<Launched> LaunchPause(const container::PausePlan& plan, FdRef pause_program, FdRef in = {}, FdRef out = {});
// `target`: pidfd of the container of pid_target, invalid when not used.
// `views`: the file system of the container's views, whose server must be answering; invalid: none.
Result<Launched> LaunchContainer(const container::LaunchPlan& plan, const Infra& pause, FdRef target, Stdio stdio,
                                 FdRef views = FdRef());
// `init`: pidfd of the container's first process. An exec passes the gate by itself.
Result<Launched> LaunchExec(const container::ExecPlan& plan, FdRef init, Stdio stdio);

// A user namespace that nobody is in.
Result<UniqueFd> MakeUserNamespace(const container::UserNamespace& users);

Report ReadReport(FdRef report);

}  // namespace cradle::shim
