// ThreadPool: work for threads that may block. Threads are made when there is work and no idle one, up to a limit, and
// leave after ten idle seconds. Work is taken first come, first served. Any thread may Post. The destructor waits for
// the queue to drain.
//
// SerialQueue: runs its work one at a time, in order, on a pool: the pod's queue.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "base/clock.h"

namespace cradle {

class ThreadPool {
 public:
  using Work = std::function<void()>;
  // `name`: at most 15 bytes, shown by top -H.
  ThreadPool(const char* name, int max_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  void Post(Work work);
  // Waits until nothing is queued or running; false at the deadline.
  bool WaitIdle(Deadline deadline);

 private:
  void Loop();

  const char* const name_;
  const int max_threads_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable gone_;  // a thread left or became idle
  std::deque<Work> queue_;
  int threads_ = 0;
  int idle_ = 0;
  bool closing_ = false;
};

class SerialQueue : public std::enable_shared_from_this<SerialQueue> {
 public:
  explicit SerialQueue(ThreadPool& pool) : pool_(pool) {}
  void Post(ThreadPool::Work work);

 private:
  void RunNext();

  ThreadPool& pool_;
  std::mutex mutex_;
  std::deque<ThreadPool::Work> queue_;
  bool running_ = false;
};

}  // namespace cradle
