// What a folder takes on its file system, as du counts: blocks, and each inode once however many names it has.
#pragma once

#include <cstdint>

#include "base/fd.h"
#include "base/result.h"

namespace cradle {

struct TreeSize {
  uint64_t bytes = 0, inodes = 0;
};
// `dir` itself included. Names below it may be hostile: no link is followed. Memory is bounded by the number of folders
// and of inodes with several names.
Result<TreeSize> MeasureTree(FdRef dir);

}  // namespace cradle
