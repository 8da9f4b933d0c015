// Paths inside the container's root. The image and the volumes chose every link in them: the kernel
// resolves them with the root as "/" (RESOLVE_IN_ROOT), magic links are refused. Results are O_PATH
// descriptors, or -1 and errno.
#pragma once

#include <cstdint>

namespace cradle::init {

int OpenInRoot(int root, const char* path, int flags, uint64_t resolve = 0) noexcept;

enum class Leaf { kDirectory, kFile };
// Opens `path` (absolute), making what is missing: directories 0755, an empty file 0644 as the
// leaf. A dangling link on the way is followed, as a mount over /etc/resolv.conf -> ../run/...
// needs. An existing leaf may be of any kind.
int Ensure(int root, const char* path, Leaf leaf) noexcept;

}  // namespace cradle::init
