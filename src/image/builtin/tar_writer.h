// TarWriter: a tar archive in memory (ustar; PAX where ustar can't say it). For the built-in image and for tests.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <string_view>

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

class TarWriter {
 public:
  TarWriter& Add(const TarEntry& entry);
  TarWriter& Directory(std::string path, mode_t mode = 0755);
  TarWriter& File(std::string path, std::string data, mode_t mode = 0644);
  TarWriter& Symlink(std::string path, std::string target);
  TarWriter& HardLink(std::string path, std::string target);
  // With the end mark.
  std::string Take();

 private:
  void Block(const TarEntry& entry, std::string_view path, std::string_view data);

  std::string out_;
};

}  // namespace cradle::image
