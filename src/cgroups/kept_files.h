// KeptFiles: the kernel's small files that are read again and again, kept open from read to read: each read is then one
// pread(2), where open, read and close are eight times that. Every read is made anew by the kernel. A file that is open costs
// the kernel a page or two, so few are kept, and who has them lets go of them when nobody reads any more.
//
// What can't be read is an empty text. A file that died with its group and is there again is opened again. One that isn't
// there (no group's root has limits) is remembered too, until LookAgain: to look in vain costs as much as three reads. Not
// thread safe; /proc, /sys and cgroupfs alone, which never sleep on a disk.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace cradle::cgroups {

class KeptFiles {
 public:
  static constexpr size_t kMost = 64;

  // One text, which the kernel makes for the first read: a read that leaves room has all of it.
  std::string Text(const std::string& path) { return Read(path, Ends::kShort); }
  // One that may come in pieces.
  std::string List(const std::string& path) { return Read(path, Ends::kEmpty); }
  void LookAgain();
  void LetGo() { files_.clear(); }

 private:
  enum class Ends { kShort, kEmpty };  // what the last read of a text is
  struct Kept {
    std::string path;
    UniqueFd file;  // none: there is no such file
  };
  static Result<std::string> ReadFrom(FdRef file, Ends ends);
  std::string Read(const std::string& path, Ends ends);

  std::vector<Kept> files_;  // the newest last
};

}  // namespace cradle::cgroups
