// Capability sets as bit masks, bit N for capability N (capabilities(7)). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "container/spec.h"

namespace cradle::container {

// containerd's and Docker's fourteen.
extern const uint64_t kDefaultCapabilities;

// The mask of "NET_ADMIN" or "CAP_NET_ADMIN", any case; "ALL": every bit. INVALID_ARGUMENT naming `field` and the name.
Result<uint64_t> ParseCapability(std::string_view field, std::string_view name);

// "CAP_CHOWN", ... of a mask, by number.
std::vector<std::string> CapabilityNames(uint64_t mask);

struct Capabilities {
  uint64_t granted = 0;  // bounding, permitted and effective
  uint64_t ambient = 0;  // a part of them
};
// What the request asks for, at most `node_bounding`. Drop wins over add, but for "drop ALL, add X", which gives X.
// Ambient ones must be among those granted.
Result<Capabilities> BuildCapabilities(const SecuritySpec& security, uint64_t node_bounding);

}  // namespace cradle::container
