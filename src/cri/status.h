// The one way from an Error to a grpc::Status.
#pragma once

#include <grpcpp/support/status.h>

#include "base/result.h"

namespace cradle::cri {

// Codes are gRPC's own. The text travels in a header, which clients bound to 8 KiB: a long one
// loses its middle.
grpc::Status ToStatus(const Error& error);

}  // namespace cradle::cri
