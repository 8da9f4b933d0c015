// MapTogether: the same work for each of many, shared between the caller and the pool's idle threads. Who is free takes
// the next one, so a pool that is busy delays nothing: the caller then does it all. Fit for work that may block a little.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/thread_pool.h"

namespace cradle {

// {work(0), work(1), ... work(count - 1)}. `work` is called by several threads at once; it isn't after the return.
template <class Work>
auto MapTogether(ThreadPool& pool, size_t count, const Work& work) {
  struct Shared {
    explicit Shared(size_t size) : results(size) {}
    std::vector<decltype(work(size_t{}))> results;
    std::atomic<size_t> next = 0;
    std::mutex mutex;
    std::condition_variable all_done;
    size_t done = 0;
  };
  constexpr size_t kWorthAThread = 8;
  auto shared = std::make_shared<Shared>(count);
  // Who comes when all is taken, perhaps after the return, touches nothing but `next`.
  auto take_part = [shared, count, &work] {
    for (size_t i; (i = shared->next++) < count;) {
      shared->results[i] = work(i);
      std::lock_guard lock(shared->mutex);
      if (++shared->done == count) shared->all_done.notify_all();
    }
  };
  size_t threads = std::min<size_t>(std::thread::hardware_concurrency(), count / kWorthAThread);
  for (size_t i = 1; i < threads; ++i) pool.Post(take_part);
  take_part();
  std::unique_lock lock(shared->mutex);
  shared->all_done.wait(lock, [&] { return shared->done == count; });
  return std::move(shared->results);
}

}  // namespace cradle
