// UpdateContainerResources and UpdatePodSandboxResources. What was applied lies in a file beside the record, which stays
// as it was written.
#include "base/crash_point.h"
#include "base/log.h"
#include "base/sys/file.h"
#include "sandbox/node.h"

namespace cradle::sandbox {
namespace {

constexpr size_t kMaxFile = 1 << 20;

}  // namespace

void Node::UpdateContainer(const std::string& id, cgroups::Limits change, Done<> done) {
  auto found = store_.FindContainer(id);
  if (!found.ok()) return done(found.error());
  (*found)->pod().Post([this, one = *found, change = std::move(change), done = std::move(done)] {
    done(UpdateOne(*one, change).With(Cat("update container ", one->record().spec.name)));
  });
}

// The kernel first: dying before the file is written leaves a status that says less than what holds, and a caller
// without an answer, who asks again.
Result<> Node::UpdateOne(Container& one, const cgroups::Limits& change) {
  State state = one.state();
  if (state != State::kCreated && state != State::kRunning)
    return FailedPrecondition(Cat("container ", one.id().str(), " is not running"));
  cgroups::Limits limits = cgroups::Merge(one.view()->limits, change);
  TRYV(cgroups::CheckLimits(limits));
  TRYV(cgroups::CheckTogether(limits));
  Undo undo = TRY(groups_.Update(one.record().cgroup, change));
  TRYV(CrashPoint("update_container.applied"));
  TRYV(sys::ReplaceFile(kCwd, Cat(paths_.container(one.id()), "/", kLimitsFile),
                        container::LimitsToJson(limits), 0600));
  undo.Commit();
  one.Change([&](ContainerView& view) { view.limits = limits; });
  return {};
}

void Node::UpdatePod(const std::string& id, PodResources change, Done<> done) {
  auto found = store_.FindPod(id);
  if (!found.ok()) return done(found.error());
  (*found)->Post([this, pod = *found, change = std::move(change), done = std::move(done)] {
    done(UpdateOne(*pod, change).With(Cat("update pod ", pod->Name())));
  });
}

Result<> Node::UpdateOne(Pod& pod, const PodResources& change) {
  if (!store_.PodById(pod.id())) return NotFound(Cat("no pod ", pod.id().str()));  // removed meanwhile
  PodResources resources = pod.view()->record.spec.resources;
  if (change.overhead) resources.overhead = change.overhead;
  if (change.containers) resources.containers = change.containers;
  TRYV(sys::ReplaceFile(kCwd, Cat(paths_.pod(pod.id()), "/", kResourcesFile), resources.ToJson(), 0600));
  pod.Change([&](PodView& view) { view.record.spec.resources = resources; });
  return {};
}

void Node::LoadUpdates(Container& one) const {
  auto text = sys::ReadFile(kCwd, Cat(paths_.container(one.id()), "/", kLimitsFile), kMaxFile);
  if (!text.ok() && text.error().err() == ENOENT) return;
  auto limits = text.ok() ? container::LimitsFromJson(*text) : Result<cgroups::Limits>(text.error());
  if (limits.ok())
    one.Change([&](ContainerView& view) { view.limits = std::move(*limits); });
  else
    log::Warning(Cat("container ", one.id().str(), ": its updated limits: ", limits.error().text()));
}

void Node::LoadUpdates(Pod& pod) const {
  auto text = sys::ReadFile(kCwd, Cat(paths_.pod(pod.id()), "/", kResourcesFile), kMaxFile);
  if (!text.ok() && text.error().err() == ENOENT) return;
  auto resources = text.ok() ? PodResources::FromJson(*text) : Result<PodResources>(text.error());
  if (resources.ok())
    pod.Change([&](PodView& view) { view.record.spec.resources = std::move(*resources); });
  else
    log::Warning(Cat("pod ", pod.Name(), ": its updated resources: ", resources.error().text()));
}

}  // namespace cradle::sandbox
