// Whether pods can have user namespaces: a shim tries, with the file systems that it will be about.
#include "base/sys/file.h"
#include "base/sys/process.h"
#include "base/sys/socket.h"
#include "sandbox/node.h"

namespace cradle::sandbox {
namespace {

constexpr milliseconds kProbe{10'000};
constexpr size_t kMaxReason = 4096;

}  // namespace

// The root holds the layers, and volumes on disk; the state is a tmpfs, as every secret's volume is.
Result<> Node::ProbeUserNamespaces() const {
  sys::Pipe told = TRY(sys::MakePipe());
  sys::SpawnOptions options;
  options.program = shim_program_.path();
  options.args = {"cradle-shim", "--probe-user-namespaces", config_.root, config_.state};
  options.fds = {{told.write, 2}};
  sys::Child probe = TRY(sys::Spawn(options));
  told.write.Reset();
  sys::Exit exit = TRY(sys::WaitPidfd(probe.pidfd, After(kProbe)));
  if (exit.code == 0 && exit.signal == 0) return {};
  std::string reason = TRY(sys::ReadAll(told.read, kMaxReason));
  while (!reason.empty() && reason.back() == '\n') reason.pop_back();
  return FailedPrecondition(reason.empty() ? "the probe died" : reason);
}

}  // namespace cradle::sandbox
