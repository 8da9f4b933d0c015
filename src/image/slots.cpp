#include "image/slots.h"

namespace cradle::image {

DownloadSlots::Slot::Slot(DownloadSlots& slots, const std::string& registry) : slots_(slots), registry_(registry) {
  std::lock_guard lock(slots_.mutex_);
  place_ = slots_.line_.insert(slots_.line_.end(), this);
  slots_.Grant();
}

DownloadSlots::Slot::~Slot() {
  std::lock_guard lock(slots_.mutex_);
  if (!granted_) {
    slots_.line_.erase(place_);
    return;
  }
  --slots_.taken_;
  if (--slots_.taken_of_[registry_] == 0) slots_.taken_of_.erase(registry_);
  slots_.Grant();
}

Result<> DownloadSlots::Slot::Wait(std::stop_token stop) {
  std::unique_lock lock(slots_.mutex_);
  if (slots_.changed_.wait(lock, stop, [this] { return granted_; })) return {};
  return Error(Code::kCancelled, "cancelled");
}

void DownloadSlots::Grant() {
  for (auto at = line_.begin(); at != line_.end() && taken_ < in_all_;) {
    Slot& slot = **at;
    int& of_registry = taken_of_[slot.registry_];
    if (of_registry >= per_registry_) {
      ++at;
      continue;
    }
    ++of_registry;
    ++taken_;
    slot.granted_ = true;
    at = line_.erase(at);
  }
  changed_.notify_all();
}

}  // namespace cradle::image
