// ConfWatch: calls back on a thread of its own whenever something changes in one of a few
// directories, or one of them (or a directory above it) appears, vanishes, or is replaced. One
// inotify instance. Where the host has none left, it looks every five seconds instead. The callback
// also runs once at the start, and after Ask(). Owner: whoever started it; the destructor waits for
// a running callback.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/sys/thread.h"

namespace cradle::cni {

class ConfWatch {
 public:
  static Result<std::unique_ptr<ConfWatch>> Start(std::vector<std::string> dirs,
                                                  std::function<void()> changed);
  ~ConfWatch();
  ConfWatch(const ConfWatch&) = delete;
  ConfWatch& operator=(const ConfWatch&) = delete;

  // Any thread; returns at once.
  void Ask();

 private:
  ConfWatch(std::vector<std::string> dirs, std::function<void()> changed, UniqueFd wake);
  void Loop();

  const std::vector<std::string> dirs_;
  const std::function<void()> changed_;
  UniqueFd wake_;
  std::atomic<bool> stop_ = false;
  std::unique_ptr<sys::Thread> thread_;
};

}  // namespace cradle::cni
