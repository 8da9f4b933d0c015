// The end of a container, and of a shim. The shim is the truth while it lives; then what it wrote; then the record.
#include <fcntl.h>

#include "base/log.h"
#include "base/sys/file.h"
#include "sandbox/node.h"
#include "sandbox/views.h"

namespace cradle::sandbox {
namespace {

constexpr size_t kMaxExitFile = 64 * 1024;

}  // namespace

void Node::OnExit(const shim::ExitInfo& info) {
  ContainerRef one = store_.ContainerById(ContainerId(info.container));
  if (!one) return;
  SetExited(*one, ExitFrom(info));
  // The disk may be slow: not here, in the loop's thread.
  one->pod().Post([this, one] {
    if (!store_.ContainerById(one->id())) return;
    if (auto saved = SaveExit(*one); !saved.ok())
      log::Warning(Cat("container ", one->id().str(), ": exit not saved: ", saved.error().text()));
  });
}

// As a kubelet expects of a sandbox without its infra process: it stops what runs, and makes another one.
void Node::OnPauseEnded(const PodId& id) {
  PodRef pod = store_.PodById(id);
  if (!pod) return;
  pod->Post([this, pod] {
    if (pod->phase() != Pod::Phase::kReady) return;
    log::Warning(Cat("pod ", pod->Name(), ": its pause was killed"));
    pod->pause_pidfd.Reset();
    pod->Change([](PodView& view) { view.pause_pid = 0; });
    RetirePod(*pod);
  });
}

void Node::OnShimLost(const PodId& id) {
  PodRef pod = store_.PodById(id);
  if (!pod || !pod->shim()) return;  // told to go
  pod->SetShim(nullptr);
  AdoptAgain(pod);
}

void Node::EndViews(const Container& one) {
  auto ended = AbortViews(groups_.Locate(one.record().cgroup), one.id());
  if (!ended.ok()) log::Warning(Cat("container ", one.id().str(), ": ", ended.error().text()));
}

// The shim has had its time to tell. One that it has reaped it will tell of, once its log is written.
bool Node::TakeExit(Container& one) {
  auto exit = one.Signal(0).ok() ? one.LookAtDead() : std::nullopt;
  if (!exit) return one.state() == State::kExited;
  log::Warning(Cat("container ", one.id().str(), ": it has ended, which its shim doesn't tell"));
  SetExited(one, *exit);
  return true;
}

Result<> Node::SaveExit(const Container& one) {
  std::string path = Cat(paths_.container(one.id()), "/", kExitFile);
  if (sys::Exists(kCwd, path)) return {};
  return sys::ReplaceFile(kCwd, path, one.view()->exit.ToJson(), 0600);
}

std::optional<container::ExitRecord> Node::LoadSavedExit(const Container& one) const {
  auto saved = sys::ReadFile(kCwd, Cat(paths_.container(one.id()), "/", kExitFile), kMaxExitFile);
  if (saved.ok())
    if (auto record = container::ExitRecord::FromJson(*saved); record.ok()) return *record;
  return std::nullopt;
}

std::optional<container::ExitRecord> Node::LoadExit(const Container& one) const {
  if (auto saved = LoadSavedExit(one)) return saved;
  auto told = sys::ReadFile(kCwd, Cat(paths_.run(one.record().pod), "/exit.", one.id().str()), kMaxExitFile);
  if (told.ok())
    if (auto info = shim::DecodeExit(*told); info.ok()) return ExitFrom(*info);
  return std::nullopt;
}

}  // namespace cradle::sandbox
