#include "logs/tap.h"

#include <utility>

namespace cradle::logs {

bool Tap::Give(Stream stream, std::string_view bytes) {
  {
    std::lock_guard lock(mutex_);
    if (held_.bytes[0].size() + held_.bytes[1].size() + bytes.size() > kCapacity) held_.overflowed = true;
    if (!held_.overflowed) held_.bytes[static_cast<size_t>(stream)].append(bytes);
    if (std::exchange(woken_, true)) return !held_.overflowed;
  }
  wake_();
  return true;
}

void Tap::End() {
  {
    std::lock_guard lock(mutex_);
    held_.ended = true;
    if (std::exchange(woken_, true)) return;
  }
  wake_();
}

Tap::Taken Tap::Take() {
  std::lock_guard lock(mutex_);
  woken_ = false;
  return std::exchange(held_, Taken{{}, held_.ended, held_.overflowed});
}

}  // namespace cradle::logs
