// Whether pods can have user namespaces: a shim tries, with the file systems that it will be about.
#include "base/printable.h"
#include "base/program.h"
#include "sandbox/node.h"

namespace cradle::sandbox {
namespace {

constexpr seconds kProbe{30};  // it takes milliseconds; a machine that is just starting stands still at times

}  // namespace

// The root holds the layers, and volumes on disk; the state is a tmpfs, as every secret's volume is.
Result<> Node::ProbeUserNamespaces() const {
  ProgramRun run{shim_program_.path(), {"cradle-shim", "--probe-user-namespaces", config_.root, config_.state}, {}, ""};
  ProgramEnd probe = RunProgram(run, After(kProbe));
  sys::Exit exit = TRY(std::move(probe.exit));
  if (exit.code == 0 && exit.signal == 0) return {};
  std::string reason = Printable(probe.errors);
  return FailedPrecondition(reason.empty() ? "the probe died" : reason);
}

}  // namespace cradle::sandbox
