// TarReader: the entries of a tar archive: ustar, PAX (with extended attributes), GNU long names, base-256 numbers, and
// GNU's sparse files in all four forms (sparse.cpp). Everything in it is hostile: each number, name and header is checked
// against a limit, and an error names it. One thread.
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

// A piece of a sparse file; what lies between is zero.
struct Extent {
  uint64_t offset = 0, size = 0;
};

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
  // Of a sparse file: the data are those of the extents, one after the other; they are in order and end within `size`.
  bool sparse = false;
  std::vector<Extent> extents;
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
  // What the headers said of a sparse file, until the entry is complete.
  struct Sparse {
    std::vector<Extent> extents;
    std::optional<uint64_t> real_size;
    bool map_in_data = false;  // GNU's form 1.0
  };

  Result<bool> ReadExactly(char* out, size_t size);  // false: the archive ended before the first byte
  Result<bool> ReadHeader(Header& header);           // false: the end
  Result<> SkipData();
  Result<std::string> ReadExtension();
  Result<std::optional<Entry>> Finish(const Header& header);
  Result<> ApplyPax(Entry& entry);
  Result<> ReadSparseHeaders(const Header& header);  // the old form
  Result<> ApplySparsePax(const std::string& key, const std::string& value, Entry& entry);
  Result<> ReadSparseMap();  // of form 1.0
  Result<uint64_t> ReadMapNumber();
  Result<> FinishSparse(Entry& entry);

  Result<> AddExtent(uint64_t offset, uint64_t size);

  Source& source_;
  const Limits limits_;
  uint64_t entries_ = 0;
  uint64_t data_left_ = 0, padding_ = 0;
  // Extensions in front of the next entry.
  uint64_t extension_bytes_ = 0;
  PaxRecords pax_;
  std::optional<std::string> long_name_, long_target_;
  std::optional<Sparse> sparse_;
};

}  // namespace cradle::unpack
