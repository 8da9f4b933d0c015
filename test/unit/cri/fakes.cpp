#include "fakes.h"

namespace cradle::cri {
namespace {

template <class Ptr, class IdOf>
Result<Ptr> FindByPrefix(const std::vector<Ptr>& all, std::string_view id, IdOf id_of) {
  Ptr found;
  for (const Ptr& one : all) {
    if (!id_of(*one).starts_with(id)) continue;
    if (found) return InvalidArgument(Cat(id, ": several begin so"));
    found = one;
  }
  if (!found) return NotFound(Cat(id, ": there is none"));
  return found;
}

}  // namespace

void FakeRuntime::AddPod(const std::string& id, const sandbox::StringMap& labels, bool ready) {
  auto pod = std::make_shared<sandbox::PodView>();
  pod->record.id = PodId(id);
  pod->record.spec.name = "pod-" + id.substr(0, 4);
  pod->record.spec.name_space = "default";
  pod->record.spec.uid = "uid";
  pod->record.spec.labels = labels;
  pod->record.created_at = 1;
  pod->ready = ready;
  pod->ips = {"10.0.0.1", "fd00::1"};
  pods_.push_back(std::move(pod));
}

void FakeRuntime::AddContainer(const std::string& id, const std::string& pod,
                               const sandbox::StringMap& labels, sandbox::State state) {
  container::ContainerRecord record;
  record.id = ContainerId(id);
  record.pod = PodId(pod);
  record.spec.name = "c-" + id.substr(0, 4);
  record.spec.image = "busybox";
  record.spec.labels = labels;
  record.image = {.id = "sha256:1", .ref = "busybox@sha256:2", .config = {}, .layer_dirs = {}};
  record.created_at = 1;
  sandbox::ContainerView view;
  view.record = std::make_shared<const container::ContainerRecord>(std::move(record));
  view.state = state;
  view.exit.reason = "Error";
  view.exit.exit_code = 3;
  containers_.push_back(std::make_shared<const sandbox::ContainerView>(std::move(view)));
}

void FakeRuntime::TellEvent(sandbox::EventKind kind, size_t index, int64_t at) {
  events_.Tell([&] {
    const sandbox::ContainerPtr& one = containers_.at(index);
    auto pod = FindPod(one->record->pod.str());
    return std::make_shared<const sandbox::Event>(sandbox::Event{kind, one->record->id.str(), at, *pod, {one}});
  });
}

std::vector<std::string> FakeRuntime::Calls() const {
  std::lock_guard lock(mutex_);
  return calls_;
}

void FakeRuntime::Ended(const char* call, const std::string& id, const sandbox::Done<>& done) {
  {
    std::lock_guard lock(mutex_);
    calls_.push_back(call + id);
  }
  pool_.Post([done] { done({}); });
}

void FakeRuntime::RunPod(sandbox::PodSpec spec, sandbox::Done<PodId> done) {
  pool_.Post([done, name = spec.name] { done(PodId("id-of-" + name)); });
}

void FakeRuntime::CreateContainer(const std::string& pod, container::ContainerSpec spec,
                                  sandbox::Done<ContainerId> done) {
  pool_.Post([=] { done(ContainerId(pod + "/" + spec.name)); });
}

void FakeRuntime::StopContainer(const std::string& id, milliseconds grace, sandbox::Done<> done) {
  Ended("StopContainer ", id + " " + std::to_string(grace.count()), done);
}

void FakeRuntime::UpdateContainer(const std::string& id, cgroups::Limits change,
                                  sandbox::Done<> done) {
  Ended("UpdateContainer ", id + " " + std::to_string(change.memory), done);
}

void FakeRuntime::UpdatePod(const std::string& id, sandbox::PodResources, sandbox::Done<> done) {
  Ended("UpdatePod ", id, done);
}

void FakeRuntime::ExecSync(const std::string&, std::vector<std::string>, milliseconds, std::stop_token,
                           sandbox::Done<shim::ExecResult> done) {
  if (hold_exec) {
    std::lock_guard lock(mutex_);
    held_.push_back(std::move(done));
    return;
  }
  pool_.Post([done, result = exec()]() mutable { done(std::move(result)); });
}

Result<> FakeRuntime::Stream(const std::string& id, std::vector<std::string> command, streaming::SessionPlan, FdRef) {
  std::lock_guard lock(mutex_);
  calls_.push_back("Stream " + id);
  for (const std::string& word : command) calls_.back() += " " + word;
  return {};
}

bool FakeRuntime::ExecHeld() const {
  std::lock_guard lock(mutex_);
  return !held_.empty();
}

Result<sandbox::PodPtr> FakeRuntime::FindPod(std::string_view id) const {
  return FindByPrefix(pods_, id, [](const auto& pod) { return pod.record.id.str(); });
}

Result<sandbox::ContainerPtr> FakeRuntime::FindContainer(std::string_view id) const {
  return FindByPrefix(containers_, id,
                      [](const auto& container) { return container.record->id.str(); });
}

Result<cgroups::Stats> FakeRuntime::ReadStats(const sandbox::ContainerView&) const {
  cgroups::Stats stats;
  stats.wall_nanos = 5;
  stats.cpu_usage_nanos = 6;
  stats.memory_working_set = 70;
  stats.memory_limit = 100;
  return stats;
}

Result<cgroups::Stats> FakeRuntime::ReadPodStats(const sandbox::PodView&) const {
  cgroups::Stats stats;
  stats.wall_nanos = 5;
  stats.cpu_usage_nanos = 60;
  stats.memory_working_set = 700;
  return stats;
}

sandbox::Runtime::LayerUsage FakeRuntime::WritableLayer(const sandbox::ContainerView&) const {
  return {"/upper", 8, 9, 5};
}

Result<FakeImages::Ptr> FakeImages::Find(const std::string& reference) const {
  if (reference.find(' ') != std::string::npos) return InvalidArgument("no reference");
  if (reference == image->id || reference == image->repo_tags.at(0)) return image;
  return Ptr();
}

Result<FakeImages::Ptr> FakeImages::Pull(const std::string&, const image::Auth&,
                                         std::stop_token stop,
                                         std::function<void(const image::Progress&)> progress) {
  progress({"sha256:layer", "downloading", 1, 2, ""});
  progress({"sha256:layer", "done", 2, 2, ""});
  return pull ? pull(stop) : Result<Ptr>(image);
}

}  // namespace cradle::cri
