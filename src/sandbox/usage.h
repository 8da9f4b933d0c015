// How large a writable layer is.
#pragma once

#include <string>

#include "sandbox/runtime.h"

namespace cradle::sandbox {

// Of an empty one, before it was walked.
Runtime::LayerUsage EmptyLayer(const std::string& dir);
Runtime::LayerUsage WalkLayer(const std::string& dir);

}  // namespace cradle::sandbox
