// How an exec or attach session ended, as the server told it: a Kubernetes Status in JSON. Pure.
#pragma once

#include <string>

#include "base/result.h"

namespace cradle::ctl {

// The command's exit code; an error when there is none, with the server's words.
Result<int> ExitCodeOf(const std::string& status);

}  // namespace cradle::ctl
