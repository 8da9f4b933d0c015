// ArchiveLayer: an unpacked layer as a tar archive again: whiteouts as ".wh." files, hard links, extended attributes, times
// to the nanosecond. The same files give the same bytes. The layer mustn't change meanwhile. Blocks. One thread.
#pragma once

#include "base/fd.h"
#include "base/result.h"
#include "image/source.h"

namespace cradle::image {

Result<> ArchiveLayer(FdRef fs_dir, const ByteSink& sink);

}  // namespace cradle::image
