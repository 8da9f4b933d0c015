// Control files of a group: each is opened, read and closed. The kernel makes the whole text for the first read, so a
// text that leaves room in the buffer is all there is: most need no second read. Not for cgroup.procs and tasks: those
// are lists, which come in pieces.
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace cradle::cgroups {

// More than 64 KiB is an error.
Result<std::string> ReadControl(FdRef dir, const std::string& file);
// Of a file that may be missing: then empty, and 0. No number ("max") is 0, too.
std::string ControlText(FdRef dir, const std::string& file);
uint64_t ControlNumber(FdRef dir, const std::string& file);

}  // namespace cradle::cgroups
