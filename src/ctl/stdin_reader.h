// StdinReader: standard input, as it comes, whatever it is: a terminal, a pipe, a file. One loop, one thread. It is
// never made non-blocking, as other programs share it.
#pragma once

#include <functional>
#include <string_view>

#include "base/event_loop.h"
#include "base/sys/memory.h"

namespace cradle::ctl {

class StdinReader {
 public:
  // `take`: gets what was read; nothing at its end, once.
  StdinReader(EventLoop& loop, std::function<void(std::string_view)> take) : loop_(loop), take_(std::move(take)) {}
  Result<> Begin();
  // For the taker that is full. Pausing once more, or not being paused, is fine.
  void Pause();
  void Resume();

 private:
  void Read();
  void ReadFile();

  EventLoop& loop_;
  const std::function<void(std::string_view)> take_;
  sys::PageBuffer buffer_;
  EventLoop::Watch watch_;
  EventLoop::Timer next_;  // of a file, which can't be watched
  bool file_ = false, paused_ = false, ended_ = false;
};

}  // namespace cradle::ctl
