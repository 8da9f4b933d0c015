// TarReader: the entries of a tar archive: ustar, PAX (with extended attributes), GNU long names, base-256 numbers.
// Everything in it is hostile: each number, name and header is checked against a limit, and an error names it.
// GNU sparse entries are refused (the image specification says that layers should not hold any). One thread.
//
//   TarReader reader(source, limits);
//   while (true) { auto entry = TRY(reader.Next()); if (!entry) break; ... reader.ReadData() ... }
#pragma once

#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "unpack/limits.h"
#include "unpack/stream.h"

namespace cradle::unpack {

enum class EntryType { kFile, kHardLink, kSymlink, kCharDevice, kBlockDevice, kDirectory, kFifo, kOther };

struct Entry {
  EntryType type = EntryType::kFile;
  std::string path;    // as in the archive
  std::string target;  // of a link
  mode_t mode = 0;     // permission bits, with setuid, setgid and sticky
  uid_t uid = 0;
  gid_t gid = 0;
  uint64_t size = 0;
  timespec mtime{};
  unsigned major = 0, minor = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;
};

// A name from an archive, for an error text: control bytes escaped, cut.
std::string Printable(std::string_view name);

class TarReader {
 public:
  TarReader(Source& source, const Limits& limits) : source_(source), limits_(limits) {}

  // The next entry; nothing at the end of the archive. Data of the last one that wasn't read is skipped.
  Result<std::optional<Entry>> Next();
  // More of the current entry's data; empty at its end.
  Result<std::string_view> ReadData();

 private:
  struct Header;
  using PaxRecords = std::map<std::string, std::string>;

  Result<bool> ReadExactly(char* out, size_t size);  // false: the archive ended before the first byte
  Result<bool> ReadHeader(Header& header);           // false: the end
  Result<> SkipData();
  Result<std::string> ReadExtension();
  Result<std::optional<Entry>> Finish(const Header& header);
  Result<> ApplyPax(Entry& entry);

  Source& source_;
  const Limits limits_;
  uint64_t entries_ = 0;
  uint64_t data_left_ = 0, padding_ = 0;
  // Extensions in front of the next entry.
  PaxRecords pax_;
  std::optional<std::string> long_name_, long_target_;
};

}  // namespace cradle::unpack
