// RemoveContainer: kills it if it runs, forgets it in the shim, removes its group and files. The record goes last.
#include <fcntl.h>

#include "base/crash_point.h"
#include "base/log.h"
#include "base/sys/file.h"
#include "sandbox/node.h"

namespace cradle::sandbox {

void Node::RemoveContainer(const std::string& id, Done<> done) {
  auto found = store_.FindContainer(id);
  if (!found.ok()) return done(found.error().code() == Code::kNotFound ? Result<>() : found.error());
  ContainerRef one = *found;
  PostServed(one->pod(), [this, one, done = std::move(done)] {
    done(DropContainer(*one).With(Cat("remove container ", one->id().str())));
  });
}

bool Node::AwaitEnd(Container& one, Deadline deadline) {
  if (one.WaitExited(std::min(deadline, After(kViewsGrace)))) return true;
  EndViews(one);
  if (one.WaitExited(std::min(deadline, After(kViewsGrace))) || TakeExit(one)) return true;
  return one.WaitExited(deadline) || TakeExit(one);
}

// Ends its processes and waits until the end is known. A full disk keeps nothing from being stopped: the exit is in
// memory and with the shim.
Result<> Node::KillContainer(Container& one, Deadline deadline) {
  TRYV(groups_.Kill(one.record().cgroup));
  if (one.pod().shim()) {
    if (!AwaitEnd(one, deadline))
      return Error(Code::kDeadlineExceeded, Cat("container ", one.id().str(), " can't be killed"));
  } else {
    // Nobody is left to tell: what the shim wrote before it went, what the kernel still knows, else unknown.
    TRYV(groups_.Destroy(one.record().cgroup, After(kKill)));
    auto exit = LoadExit(one);
    if (!exit) exit = one.LookAtDead();
    if (!exit) exit = UnknownExit(one.view()->started_at);
    if (!one.pod().lost.empty()) exit->message = one.pod().lost;
    SetExited(one, *exit);
  }
  if (auto saved = SaveExit(one); !saved.ok())
    log::Warning(Cat("container ", one.id().str(), ": exit not saved: ", saved.error().text()));
  return groups_.Destroy(one.record().cgroup, After(kKill));
}

Result<> Node::DropContainer(Container& one) {
  if (!store_.ContainerById(one.id())) return {};  // removed while this waited in the queue
  TRYV(KillContainer(one, After(kKill)));
  TRYV(CrashPoint("remove_container.killed"));
  if (auto ran = RunHooks(one, {cdi::kPoststop}, "stopped"); !ran.ok())
    log::Warning(Cat("container ", one.id().str(), ": ", ran.error().text()));
  if (auto client = one.pod().shim()) {
    auto gone = client->Delete(one.id().str(), After(kShimCall));
    if (!gone.ok() && gone.error().code() != Code::kNotFound) return gone;
  }
  TRYV(sys::RemoveFile(kCwd, Cat(paths_.run(one.record().pod), "/exit.", one.id().str())));
  TRYV(CrashPoint("remove_container.forgotten"));
  TRYV(EraseContainerFiles(one.id()));
  usage_.Forget(paths_.upper(one.id()));
  open_files_.Forget(one.record().cgroup);
  images_.Release(one.id().str());
  ForgetContainer(one);
  return CrashPoint("remove_container.erased");
}

Result<> Node::EraseContainerFiles(const ContainerId& id) { return Discard(paths_.container(id)); }

}  // namespace cradle::sandbox
