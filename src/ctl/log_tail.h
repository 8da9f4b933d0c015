// LogTail: a container's log file, read as it grows and through rotation (the file is renamed and
// made again). Prints what it reads: stdout's text to standard output, stderr's to standard error.
// One thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace cradle::ctl {

struct LogFilter {
  bool timestamps = false;
  int64_t tail = -1;  // of what is there at the beginning, lines; -1: all
  std::string since;  // records before this RFC 3339 time (UTC) are left out
};

class LogTail {
 public:
  // Prints what is there.
  static Result<LogTail> Open(std::string path, LogFilter filter);
  // Prints what has come since.
  Result<> Drain();

 private:
  Result<> Reopen();
  Result<> ReadToEnd();
  void PrintRecords(std::string_view records) const;

  std::string path_;
  LogFilter filter_;
  UniqueFd file_;
  uint64_t inode_ = 0;
  std::string rest_;  // of a record whose end isn't written yet
};

}  // namespace cradle::ctl
