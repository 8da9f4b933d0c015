#include "base/thread_pool.h"

#include <thread>

#include "base/sys/process.h"

namespace cradle {

ThreadPool::ThreadPool(const char* name, int max_threads) : name_(name), max_threads_(max_threads) {}

ThreadPool::~ThreadPool() {
  std::unique_lock lock(mutex_);
  closing_ = true;
  wake_.notify_all();
  gone_.wait(lock, [&] { return threads_ == 0; });
}

void ThreadPool::Post(Work work) {
  std::unique_lock lock(mutex_);
  queue_.push_back(std::move(work));
  if (static_cast<int>(queue_.size()) > idle_ && threads_ < max_threads_) {
    ++threads_;
    std::thread([this] { Loop(); }).detach();
  } else {
    wake_.notify_one();
  }
}

bool ThreadPool::WaitIdle(Deadline deadline) {
  std::unique_lock lock(mutex_);
  return gone_.wait_until(lock, deadline, [&] { return queue_.empty() && idle_ == threads_; });
}

void ThreadPool::Loop() {
  (void)sys::SetThreadName(name_);
  std::unique_lock lock(mutex_);
  for (;;) {
    if (queue_.empty()) {
      ++idle_;
      gone_.notify_all();
      bool woken = wake_.wait_for(lock, seconds(10), [&] { return !queue_.empty() || closing_; });
      --idle_;
      if (!woken || (closing_ && queue_.empty())) break;
    }
    Work work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;  // what it holds is let go without the lock
    lock.lock();
  }
  --threads_;
  gone_.notify_all();
}

void SerialQueue::Post(ThreadPool::Work work) {
  std::lock_guard lock(mutex_);
  queue_.push_back(std::move(work));
  if (running_) return;
  running_ = true;
  pool_.Post([self = shared_from_this()] { self->RunNext(); });
}

void SerialQueue::RunNext() {
  ThreadPool::Work work;
  {
    std::lock_guard lock(mutex_);
    work = std::move(queue_.front());
    queue_.pop_front();
  }
  work();
  work = nullptr;
  std::lock_guard lock(mutex_);
  if (queue_.empty()) {
    running_ = false;
    return;
  }
  // A fresh turn in the pool, so that a busy pod doesn't keep a thread from the others.
  pool_.Post([self = shared_from_this()] { self->RunNext(); });
}

}  // namespace cradle
