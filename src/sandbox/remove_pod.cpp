// RemovePodSandbox: stops what still runs, removes its containers, then the pod's own files. The record goes last.
#include <fcntl.h>

#include "base/crash_point.h"
#include "base/sys/file.h"
#include "sandbox/node.h"

namespace cradle::sandbox {

void Node::RemovePod(const std::string& id, Done<> done) {
  auto found = store_.FindPod(id);
  if (!found.ok()) return done(found.error().code() == Code::kNotFound ? Result<>() : found.error());
  PodRef pod = *found;
  pod->Post([this, pod, done = std::move(done)] {
    done(DropPod(*pod).With(Cat("remove pod ", pod->Name())));
  });
}

Result<> Node::DropPod(Pod& pod) {
  if (!store_.PodById(pod.id())) return {};  // removed while this waited in the queue
  TRYV(TearDownPod(pod));
  for (const ContainerRef& one : store_.ContainersOf(pod.id())) {
    TRYV(DropContainer(*one));
    TRYV(CrashPoint("remove_pod.container"));
  }
  TRYV(ErasePodFiles(pod.id()));
  ForgetPod(pod);
  return CrashPoint("remove_pod.erased");
}

Result<> Node::ErasePodFiles(const PodId& id) {
  TRYV(sys::RemoveTree(kCwd, paths_.run(id)));
  TRYV(CrashPoint("remove_pod.run"));
  return Discard(paths_.pod(id));
}

}  // namespace cradle::sandbox
