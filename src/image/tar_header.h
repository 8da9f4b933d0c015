// What stands in front of an entry of a tar archive that is written here: ustar; PAX where ustar can't say it. Pure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>

namespace cradle::image {

struct TarEntry {
  std::string path;
  char type = '0';  // ustar's type flag
  std::string data, target;
  mode_t mode = 0644;
  uint64_t uid = 0, gid = 0;
  int64_t mtime = 0;
  uint64_t major = 0, minor = 0;
  std::map<std::string, std::string> pax;  // e.g. "SCHILY.xattr.user.a"
};

inline constexpr size_t kTarBlock = 512;

// The header blocks for an entry with `size` bytes of data (entry.data is not looked at). The data, filled up with zeros
// to whole blocks, follow; an archive ends with two blocks of zeros.
std::string TarHeader(const TarEntry& entry, uint64_t size);
// How many zeros follow `size` bytes of data.
inline size_t TarFill(uint64_t size) { return static_cast<size_t>(-size & (kTarBlock - 1)); }

}  // namespace cradle::image
