// The 512 bytes in front of an entry, and the numbers in them. For this folder's .cpp files only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "base/result.h"
#include "unpack/tar.h"

namespace cradle::unpack {

inline constexpr size_t kBlock = 512;

inline std::string_view Text(const char* field, size_t size) { return {field, strnlen(field, size)}; }

// Octal text, or base-256 when the first bit is set (GNU). Negative numbers only where `low` allows them.
Result<int64_t> Number(const char* field, size_t size, std::string_view name, int64_t low = 0);

struct TarReader::Header {
  char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
  char type;
  char target[100], magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];

  char* bytes() { return reinterpret_cast<char*>(this); }
  const char* bytes() const { return reinterpret_cast<const char*>(this); }
  bool IsZero() const {
    return std::all_of(bytes(), bytes() + kBlock, [](char c) { return c == 0; });
  }
  // The sum of all bytes, the field itself counted as spaces; some old writers summed signed bytes.
  Result<> Check() const {
    int64_t plain = 0, with_sign = 0;
    for (size_t i = 0; i < kBlock; ++i) {
      bool in_field = i >= offsetof(Header, checksum) && i < offsetof(Header, checksum) + sizeof checksum;
      char c = in_field ? ' ' : bytes()[i];
      plain += static_cast<unsigned char>(c);
      with_sign += static_cast<signed char>(c);
    }
    auto stated = Number(checksum, sizeof checksum, "checksum");
    if (!stated.ok() || (*stated != plain && *stated != with_sign))
      return InvalidArgument("not a tar archive, or a damaged one");
    return {};
  }
  // GNU archives use the place of the prefix for other things.
  std::string Path() const {
    std::string own(Text(name, sizeof name));
    bool posix = std::memcmp(magic, "ustar\0", 6) == 0;
    if (!posix || prefix[0] == 0) return own;
    return Cat(Text(prefix, sizeof prefix), "/", own);
  }
};

}  // namespace cradle::unpack
