#include "sandbox/pod.h"

namespace cradle::sandbox {

Pod::Pod(PodRecord record, ThreadPool& pool)
    : record_(std::move(record)), queue_(std::make_shared<SerialQueue>(pool)) {
  auto view = std::make_shared<PodView>();
  view->record = record_;
  view_ = std::move(view);
}

std::string Pod::Name() const {
  return Cat(record_.spec.DisplayName(), " (", record_.id.shorter(), ")");
}

PodPtr Pod::view() const {
  std::lock_guard lock(mutex_);
  return view_;
}

void Pod::Change(const std::function<void(PodView&)>& change) {
  std::lock_guard lock(mutex_);
  auto next = std::make_shared<PodView>(*view_);
  change(*next);
  view_ = std::move(next);
}

Pod::Phase Pod::phase() const {
  std::lock_guard lock(mutex_);
  return phase_;
}

void Pod::SetPhase(Phase phase) {
  std::lock_guard lock(mutex_);
  phase_ = phase;
  auto next = std::make_shared<PodView>(*view_);
  next->ready = phase == Phase::kReady;
  view_ = std::move(next);
}

std::shared_ptr<shim::ShimClient> Pod::shim() const {
  std::lock_guard lock(mutex_);
  return shim_;
}

void Pod::SetShim(std::shared_ptr<shim::ShimClient> shim) {
  std::lock_guard lock(mutex_);
  shim_.swap(shim);
}

Result<std::shared_ptr<shim::ShimClient>> Pod::NeedShim() const {
  auto client = shim();
  if (!client) return Error(Code::kUnavailable, Cat("pod ", Name(), " has no shim"));
  return client;
}

}  // namespace cradle::sandbox
