// Tap: a copy of a container's output for one attached client. The log thread gives, the owner's thread takes; what
// isn't taken is kept up to kCapacity, and a tap that overflows gets nothing more: whoever reads too slowly loses their
// own connection, and holds up neither the log nor others.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "logs/framing.h"

namespace cradle::logs {

class Tap {
 public:
  static constexpr size_t kCapacity = 1 << 20;  // bytes, both streams together

  // `wake` is called by the log thread when there is something new, and not again before Take.
  explicit Tap(std::function<void()> wake) : wake_(std::move(wake)) {}

  // Log thread. False: it wants no more.
  bool Give(Stream stream, std::string_view bytes);
  void End();

  // What has come since.
  struct Taken {
    std::string bytes[kStreams];
    bool ended = false;       // nothing more comes after these
    bool overflowed = false;  // something is missing after these
  };
  Taken Take();

 private:
  const std::function<void()> wake_;
  std::mutex mutex_;
  Taken held_;
  bool woken_ = false;
};

}  // namespace cradle::logs
