// What a pod's annotations kubernetes.io/ingress-bandwidth and kubernetes.io/egress-bandwidth ask of a network plugin
// with the capability "bandwidth". Their values are Kubernetes quantities in bits per second ("10M", "512Ki", "1e6"),
// from 1k to 1P. Pure. Source: CNI conventions, "Dynamic Plugin specific Fields".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sandbox/spec.h"

namespace cradle::sandbox {

// A quantity as a whole number, rounded up: digits with at most one point, then a suffix (n u m k M G T P E, Ki Mi Gi
// Ti Pi Ei) or an exponent (e3, E-3). INVALID_ARGUMENT: malformed, negative, or beyond 2^63-1.
Result<uint64_t> ParseQuantity(std::string_view text);

// The capability's JSON; empty when the pod asks for nothing. INVALID_ARGUMENT names the annotation.
Result<std::string> BandwidthCapability(const StringMap& annotations);

}  // namespace cradle::sandbox
