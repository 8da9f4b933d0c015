#include "sandbox/admission.h"

#include <iterator>

namespace cradle::sandbox {

void Admission::Enter(Kind kind, Begin begin) {
  {
    std::lock_guard lock(mutex_);
    kept_[static_cast<size_t>(kind)].push_back(std::move(begin));
  }
  BeginKept();
}

void Admission::Leave(Ticket ticket) {
  {
    std::lock_guard lock(mutex_);
    running_.erase(running_.find(ticket));
  }
  left_.notify_one();
  BeginKept();
}

void Admission::BeginKept() {
  std::unique_lock lock(mutex_);
  while (MayBegin()) {
    Begin begin = TakeNext();
    Ticket ticket = std::chrono::steady_clock::now();
    running_.insert(ticket);
    lock.unlock();
    begin(ticket);
    lock.lock();
  }
  if (!AnyKept() || pacing_) return;
  pacing_ = true;
  pacer_.Post([this] { KeepPace(); });
}

void Admission::KeepPace() {
  std::unique_lock lock(mutex_);
  while (AnyKept()) {
    if (Full()) {
      left_.wait(lock);
    } else if (auto oldest = FirstFresh(); oldest != running_.end()) {
      left_.wait_until(lock, *oldest + pace_.moment);
    }
    lock.unlock();
    BeginKept();
    lock.lock();
  }
  pacing_ = false;
}

std::multiset<Admission::Ticket>::const_iterator Admission::FirstFresh() const {
  return running_.upper_bound(std::chrono::steady_clock::now() - pace_.moment);
}

bool Admission::MayBegin() const {
  return AnyKept() && !Full() && std::distance(FirstFresh(), running_.end()) < pace_.fresh;
}

Admission::Begin Admission::TakeNext() {
  std::deque<Begin>& first = kept_[0].empty() ? kept_[1] : kept_[0];
  Begin next = std::move(first.front());
  first.pop_front();
  return next;
}

}  // namespace cradle::sandbox
