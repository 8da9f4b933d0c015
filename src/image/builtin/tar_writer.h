// TarWriter: a tar archive in memory (ustar; PAX where ustar can't say it). For the built-in image and for tests.
#pragma once

#include <string>

#include "image/tar_header.h"

namespace cradle::image {

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
  std::string out_;
};

}  // namespace cradle::image
