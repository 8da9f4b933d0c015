// Sink: bytes on their way into a pipe, a terminal or a socket that may be full. It writes what it can and keeps the
// rest; whoever feeds it stops while it is full. One loop, one thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/event_loop.h"
#include "base/fd.h"

namespace cradle::streaming {

class Sink {
 public:
  static constexpr size_t kHighWater = 64 * 1024;

  // `fd`: non-blocking.
  Sink(EventLoop& loop, UniqueFd fd) : loop_(loop), fd_(std::move(fd)) {}

  // Dropped when the other end is gone or End was called.
  void Write(std::string_view bytes);
  bool full() const { return pending_.size() - written_ >= kHighWater; }
  // Nothing more comes: `end` is called with the descriptor when all is written; by default it is closed.
  void End(std::function<void(FdRef)> end = {});
  void Close();
  FdRef fd() const { return fd_; }

  // Called when it is no longer full, until forgotten; `key`: who.
  void OnRoom(const void* key, std::function<void()> call) { room_[key] = std::move(call); }
  void Forget(const void* key) { room_.erase(key); }

 private:
  void OnWritable();
  void FinishWhenEmpty();

  EventLoop& loop_;
  UniqueFd fd_;
  EventLoop::Watch watch_;
  std::string pending_;
  size_t written_ = 0;  // of pending_
  bool ending_ = false;
  bool was_full_ = false;
  std::function<void(FdRef)> end_;
  std::map<const void*, std::function<void()>> room_;
};

}  // namespace cradle::streaming
