// Pipes looked at, and emptied without a copy. One function per system call.
#pragma once

#include <cstddef>

#include "base/fd.h"
#include "base/result.h"

namespace cradle::sys {

// splice(2) without waiting: how much was moved from or into a pipe, 0 at the end of what it is from. EAGAIN: nothing, or no
// room, now. The descriptor that is no pipe is non-blocking.
Result<size_t> Splice(FdRef from, FdRef to, size_t most);
// How many bytes a pipe holds (FIONREAD).
Result<size_t> PipeHolds(FdRef pipe);

}  // namespace cradle::sys
