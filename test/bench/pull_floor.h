// What bounds a pull and a removal on this machine, beside which their figures stand.
#pragma once

#include <cstdint>
#include <string>

namespace cradle::bench {

// Milliseconds for decompressing an image's layers and for the digests of both forms, on all processors, from memory to nowhere.
// `storage`: of docker-registry.
double FloorMillis(const std::string& storage, const std::string& image);

// How many extents the disk below `path` was told to forget (discard) since it is there; 0 if there is no such disk.
uint64_t DiscardsOf(const std::string& path);

}  // namespace cradle::bench
