// What a layer may ask of this node at most. A layer that asks for more is refused, by an error that names the limit; those of
// struct Limits are keys of the configuration, the others are the kernel's own.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cradle::unpack {

struct Limits {
  uint64_t max_bytes = uint64_t{64} << 30;      // of the archive, decompressed; of a sparse file; of files taken from lower layers
  uint64_t max_entries = 2'000'000;             // of the archive
  uint64_t max_ratio = 1000;                    // decompressed to compressed, looked at from ratio_from bytes on
  uint64_t ratio_from = uint64_t{1} << 30;
  uint64_t max_name_bytes = 4095;               // of a whole name; PATH_MAX is the most
  uint64_t max_header_bytes = 1 << 20;          // of the PAX and GNU extension headers of one entry
  uint64_t max_extents = 100'000;               // pieces of one sparse file
  uint64_t max_memory = uint64_t{1} << 30;      // of the unpacker: a zstd window, the buffers, the names of folders
};

// In the order of cradle-unpack's arguments.
inline constexpr uint64_t Limits::*kLimitArguments[] = {
    &Limits::max_bytes,      &Limits::max_entries,      &Limits::max_ratio,   &Limits::ratio_from,
    &Limits::max_name_bytes, &Limits::max_header_bytes, &Limits::max_extents, &Limits::max_memory};

inline constexpr size_t kMaxNameBytes = 255;  // one component; NAME_MAX
inline constexpr int kMaxLinks = 40;          // symbolic links on the way to one entry; MAXSYMLINKS
inline constexpr unsigned kMaxMajor = (1u << 12) - 1, kMaxMinor = (1u << 20) - 1;  // the kernel's dev_t
inline constexpr uint64_t kMaxId = 0xfffffffe;  // uid and gid; 2^32-1 means "unchanged"

}  // namespace cradle::unpack
