// What a layer may ask of this node at most. A layer that asks for more is refused, by an error that names the limit; those
// of struct Limits are keys of the configuration.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cradle::unpack {

struct Limits {
  uint64_t max_bytes = uint64_t{64} << 30;         // of the archive, decompressed; also of a sparse file
  uint64_t max_entries = 2'000'000;                // of the archive
  uint64_t max_ratio = 1000;                       // decompressed to compressed, looked at from ratio_from bytes on
  uint64_t ratio_from = uint64_t{1} << 30;
};

inline constexpr size_t kMaxNameBytes = 255;        // one component; NAME_MAX
inline constexpr size_t kMaxPathBytes = 4095;       // a whole name; PATH_MAX
inline constexpr size_t kMaxExtensionBytes = 1 << 20;  // one PAX or GNU extension header
inline constexpr size_t kMaxExtents = 100'000;      // pieces of one sparse file
inline constexpr int kMaxLinks = 40;                // symbolic links on the way to one entry; MAXSYMLINKS
inline constexpr unsigned kMaxMajor = (1u << 12) - 1, kMaxMinor = (1u << 20) - 1;  // the kernel's dev_t
inline constexpr uint64_t kMaxId = 0xfffffffe;      // uid and gid; 2^32-1 means "unchanged"

}  // namespace cradle::unpack
