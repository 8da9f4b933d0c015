#include "sandbox/events.h"

namespace cradle::sandbox {
namespace {

constexpr size_t kMaxUnheard = 256;
constexpr int64_t kUnheardNanos = 300'000'000'000;

}  // namespace

void Events::Tell(const std::function<EventPtr()>& make) {
  std::lock_guard lock(mutex_);
  EventPtr event = make();
  if (!event) return;
  for (const auto& [place, listener] : listeners_) listener(event);
  if (listeners_.empty()) Keep(std::move(event));
}

void Events::Keep(EventPtr event) {
  int64_t oldest = event->at - kUnheardNanos;
  unheard_.push_back(std::move(event));
  while (unheard_.size() > kMaxUnheard || unheard_.front()->at < oldest) unheard_.pop_front();
}

std::unique_ptr<Events::Watch> Events::Listen(Listener listener) {
  std::lock_guard lock(mutex_);
  for (const EventPtr& event : unheard_) listener(event);
  unheard_.clear();
  listeners_.emplace(++next_place_, std::move(listener));
  return std::make_unique<Watch>(*this, next_place_);
}

void Events::Leave(uint64_t place) {
  std::lock_guard lock(mutex_);
  listeners_.erase(place);
}

}  // namespace cradle::sandbox
