// Sizes of messages.
#pragma once

#include <cstddef>

namespace cradle::cri {

// What the kubelet's client takes at most, and what this server takes and sends.
inline constexpr size_t kMaxMessage = 16 << 20;

}  // namespace cradle::cri
