// UnpackLayer: a layer's archive, read from a descriptor, becomes files below a directory. Two threads: one reads,
// hashes and inflates; the caller's hashes the plain bytes and writes files. Memory is bounded whatever the archive's
// size. Fails at the first thing that is wrong, by a sentence that names the entry; what was written stays for the
// caller to remove. Of an archive that makes no sense the rest is read nevertheless: its digest tells whether it was made so
// or damaged on its way. The process's umask must be 0.
#pragma once

#include <functional>

#include "base/fd.h"
#include "base/result.h"
#include "unpack/limits.h"
#include "unpack/lowers.h"
#include "unpack/report.h"

namespace cradle::unpack {

struct Unpacked {
  std::string blob_digest;  // set when all was read, also by one that fails
  std::string diff_id;
  uint64_t blob_bytes = 0, bytes = 0, inodes = 0;
  std::vector<std::string> opaque;
};
// `confine` runs when both threads exist and before the first byte is read.
Result<> UnpackLayer(FdRef input, FdRef root, Lowers& lowers, const Limits& limits,
                     const std::function<Result<>()>& confine, Unpacked& out);

}  // namespace cradle::unpack
