#include "sandbox/store.h"

namespace cradle::sandbox {
namespace {

std::string KeyOf(const Container& one) {
  const auto& record = one.record();
  return Cat(record.pod.str(), "/", record.spec.name, "/", std::to_string(record.spec.attempt));
}

// The only listed entry whose id begins with `prefix`.
template <class Map, class Listed>
Result<typename Map::mapped_type> FindByPrefix(const Map& map, std::string_view prefix,
                                               std::string_view what, Listed listed) {
  if (!IsHexPrefix(prefix)) return NotFound(Cat("no ", what, " \"", prefix, "\""));
  typename Map::mapped_type found;
  for (auto at = map.lower_bound(std::string(prefix));
       at != map.end() && at->first.starts_with(prefix); ++at) {
    if (!listed(*at->second)) continue;
    if (found) return InvalidArgument(Cat(what, " id \"", prefix, "\" is not unique"));
    found = at->second;
  }
  if (!found) return NotFound(Cat("no ", what, " \"", prefix, "\""));
  return found;
}

bool Listed(const Pod& pod) { return pod.phase() != Pod::Phase::kMaking; }

}  // namespace

PodRef Store::ReservePod(const std::string& key, PodRef pod) {
  std::lock_guard lock(mutex_);
  auto [at, inserted] = pod_keys_.try_emplace(key, pod);
  if (!inserted) return at->second;
  pods_[pod->id().str()] = pod;
  pod_joiners_[pod->id().str()];
  return nullptr;
}

void Store::AddRecoveredPod(PodRef pod) {
  std::lock_guard lock(mutex_);
  pods_[pod->id().str()] = pod;
  pod_keys_[pod->record().spec.Key()] = pod;
}

void Store::ErasePod(const Pod& pod) {
  std::lock_guard lock(mutex_);
  auto key = pod_keys_.find(pod.record().spec.Key());
  if (key != pod_keys_.end() && key->second.get() == &pod) pod_keys_.erase(key);
  pods_.erase(pod.id().str());
}

bool Store::JoinPod(const PodId& id, Done<PodId> done) {
  std::lock_guard lock(mutex_);
  auto at = pod_joiners_.find(id.str());
  if (at == pod_joiners_.end()) return false;
  at->second.push_back(std::move(done));
  return true;
}

std::vector<Done<PodId>> Store::FinishPod(const PodId& id) {
  std::lock_guard lock(mutex_);
  auto node = pod_joiners_.extract(id.str());
  return node ? std::move(node.mapped()) : std::vector<Done<PodId>>();
}

ContainerRef Store::ReserveContainer(ContainerRef made) {
  std::lock_guard lock(mutex_);
  auto [at, inserted] = container_keys_.try_emplace(KeyOf(*made), made);
  if (!inserted) return at->second;
  containers_[made->id().str()] = made;
  container_joiners_[made->id().str()];
  return nullptr;
}

void Store::AddRecoveredContainer(ContainerRef made) {
  std::lock_guard lock(mutex_);
  made->visible = true;
  container_keys_[KeyOf(*made)] = made;
  containers_[made->id().str()] = std::move(made);
}

void Store::EraseContainer(const Container& gone) {
  std::lock_guard lock(mutex_);
  auto key = container_keys_.find(KeyOf(gone));
  if (key != container_keys_.end() && key->second.get() == &gone) container_keys_.erase(key);
  containers_.erase(gone.id().str());
}

bool Store::JoinContainer(const ContainerId& id, Done<ContainerId> done) {
  std::lock_guard lock(mutex_);
  auto at = container_joiners_.find(id.str());
  if (at == container_joiners_.end()) return false;
  at->second.push_back(std::move(done));
  return true;
}

std::vector<Done<ContainerId>> Store::FinishContainer(const ContainerId& id) {
  std::lock_guard lock(mutex_);
  auto node = container_joiners_.extract(id.str());
  return node ? std::move(node.mapped()) : std::vector<Done<ContainerId>>();
}

void Store::ShowContainer(Container& made) {
  std::lock_guard lock(mutex_);
  made.visible = true;
}

std::vector<PodRef> Store::Pods() const {
  std::lock_guard lock(mutex_);
  std::vector<PodRef> out;
  for (const auto& [id, pod] : pods_)
    if (Listed(*pod)) out.push_back(pod);
  return out;
}

std::vector<PodRef> Store::AllPods() const {
  std::lock_guard lock(mutex_);
  std::vector<PodRef> out;
  for (const auto& [id, pod] : pods_) out.push_back(pod);
  return out;
}

std::vector<ContainerRef> Store::Containers() const {
  std::lock_guard lock(mutex_);
  std::vector<ContainerRef> out;
  for (const auto& [id, one] : containers_)
    if (one->visible) out.push_back(one);
  return out;
}

// Keys begin with the pod's id: its containers are one range.
template <class Wanted>
std::vector<ContainerRef> Store::SelectOf(const PodId& pod, Wanted wanted) const {
  std::lock_guard lock(mutex_);
  std::vector<ContainerRef> out;
  std::string prefix = pod.str() + "/";
  for (auto at = container_keys_.lower_bound(prefix);
       at != container_keys_.end() && at->first.starts_with(prefix); ++at)
    if (wanted(*at->second)) out.push_back(at->second);
  return out;
}

std::vector<ContainerRef> Store::ContainersOf(const PodId& pod) const {
  return SelectOf(pod, [](const Container&) { return true; });
}

std::vector<ContainerRef> Store::ListedContainersOf(const PodId& pod) const {
  return SelectOf(pod, [](const Container& one) { return one.visible; });
}

Result<PodRef> Store::FindPod(std::string_view id) const {
  std::lock_guard lock(mutex_);
  return FindByPrefix(pods_, id, "pod", Listed);
}

Result<ContainerRef> Store::FindContainer(std::string_view id) const {
  std::lock_guard lock(mutex_);
  return FindByPrefix(containers_, id, "container", [](const Container& c) { return c.visible; });
}

PodRef Store::PodById(const PodId& id) const {
  std::lock_guard lock(mutex_);
  auto at = pods_.find(id.str());
  return at == pods_.end() ? nullptr : at->second;
}

ContainerRef Store::ContainerById(const ContainerId& id) const {
  std::lock_guard lock(mutex_);
  auto at = containers_.find(id.str());
  return at == containers_.end() ? nullptr : at->second;
}

}  // namespace cradle::sandbox
