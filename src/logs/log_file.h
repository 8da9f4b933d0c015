// LogFile: one container's log file and what happens when writing to it fails.
//
// Opened to append, never truncated, never a link; mode 0640. The directory is the kubelet's (or the daemon's, for pods
// without one). One writer: the pod's log thread, which may sleep here in a slow file system.
//
// Writing never fails for the caller. On an error (ENOSPC, EIO, EROFS) whole records are dropped and the output in them
// is counted; a record that was half written is finished first when writing works again, then one stderr record says
// what is missing: "cradle: 12345 bytes of output were lost: No space left on device".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "logs/framing.h"

namespace cradle::logs {

class LogFile {
 public:
  // An empty path: no log is wanted, everything is dropped and nothing is counted.
  static Result<LogFile> Open(std::string path);

  // Whole records of one stream.
  void Append(Stream stream, std::string_view records, std::string_view stamp);
  // Writes what is missing of records that another writer was killed at: it had begun them at `offset` of the file
  // `inode`.
  void Complete(Stream stream, std::string_view records, uint64_t inode, uint64_t offset);
  // Where the next record goes; 0 without a file.
  uint64_t end() const { return end_; }
  uint64_t inode() const { return inode_; }
  // Tries once more to write what an error left open. For the end of a log.
  void Settle(std::string_view stamp);
  // Goes on in a new file at the same path; it exists when the call returns. A half written record ends in the old
  // one. On an error there is no new file and the old one goes on.
  Result<> Reopen();

  // Bytes of output lost so far.
  uint64_t lost() const { return lost_; }

 private:
  explicit LogFile(std::string path) : path_(std::move(path)) {}
  Result<> Use(UniqueFd fd);
  size_t WriteSome(std::string_view bytes);
  bool WritePending();
  std::string GapNote(std::string_view stamp) const;
  void Written(Stream stream, std::string_view records);
  void Lose(std::string_view records);

  std::string path_;
  UniqueFd fd_;
  uint64_t inode_ = 0, end_ = 0;
  std::string pending_;               // the rest of a half written record: written before anything else
  bool open_line_[kStreams] = {};     // the stream's last written record was a P
  int failed_ = 0;                    // errno of the last failed write
  uint64_t gap_ = 0;                  // lost, and not told in the file yet
  uint64_t lost_ = 0;
};

}  // namespace cradle::logs
