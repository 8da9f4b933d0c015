// File calls that few need, apart from file.h, which everybody includes; the same rules.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace cradle::sys {

// pwrite(2) of all of it.
Result<> PwriteAll(FdRef fd, const void* data, size_t size, off_t offset);
// flistxattr(2): names.
Result<std::vector<std::string>> ListXattr(FdRef fd);

// FS_TOPDIR_FL (chattr +T): the folders made in this one aren't related, and ext4 spreads them over the disk.
Result<> SetTopDirectory(FdRef dir);

}  // namespace cradle::sys
