// UnpackLayer: a layer's archive, read from a descriptor, becomes files below a directory. Two threads: one reads,
// hashes and inflates; the caller's hashes the plain bytes and writes files. Memory is bounded whatever the archive's
// size. Fails at the first thing that is wrong, by a sentence that names the entry; what was written stays for the
// caller to remove. The process's umask must be 0.
#pragma once

#include <functional>

#include "base/fd.h"
#include "base/result.h"
#include "unpack/limits.h"
#include "unpack/lowers.h"
#include "unpack/report.h"

namespace cradle::unpack {

struct Unpacked {
  std::string blob_digest, diff_id;
  uint64_t blob_bytes = 0, bytes = 0, inodes = 0;
  std::vector<std::string> opaque;
};
// `confine` runs when both threads exist and before the first byte is read.
Result<Unpacked> UnpackLayer(FdRef input, FdRef root, Lowers& lowers, const Limits& limits,
                             const std::function<Result<>()>& confine);

}  // namespace cradle::unpack
