// Refreshed: figures that cost a walk, by key. A question is answered from memory at once; when the answer is older than
// ten seconds, and than twenty times what the last walk took, a walk of that key is begun in the background. One walk at
// a time. Thread safe.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/thread_pool.h"

namespace cradle::sandbox {

template <class Value>
class Refreshed {
 public:
  using Walk = std::function<Value(const std::string& key)>;
  // `name`: of its thread.
  Refreshed(const char* name, Walk walk) : walk_(std::move(walk)), walker_(name, 1) {}

  // `first`: the answer until the first walk is over.
  Value Get(const std::string& key, Value first) {
    std::lock_guard lock(mutex_);
    auto [known, fresh] = known_.try_emplace(key, Known{std::move(first), 0});
    if (WallNanos() >= known->second.good_until && walking_.insert(key).second)
      walker_.Post([this, key] { Refresh(key); });
    return known->second.value;
  }
  void Forget(const std::string& key) {
    std::lock_guard lock(mutex_);
    known_.erase(key);
  }

 private:
  static constexpr int64_t kFreshNanos = 10'000'000'000;
  static constexpr int64_t kCostFactor = 20;

  struct Known {
    Value value;
    int64_t good_until = 0;
  };

  void Refresh(const std::string& key) {
    int64_t begun = WallNanos();
    Value value = walk_(key);
    int64_t now = WallNanos();
    std::lock_guard lock(mutex_);
    walking_.erase(key);
    auto at = known_.find(key);
    if (at != known_.end()) at->second = {std::move(value), now + std::max(kFreshNanos, kCostFactor * (now - begun))};
  }

  const Walk walk_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;
  std::set<std::string> walking_;
  ThreadPool walker_;
};

}  // namespace cradle::sandbox
