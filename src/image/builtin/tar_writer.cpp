#include "image/builtin/tar_writer.h"

namespace cradle::image {

TarWriter& TarWriter::Add(const TarEntry& entry) {
  out_ += TarHeader(entry, entry.data.size());
  out_ += entry.data;
  out_.append(TarFill(entry.data.size()), '\0');
  return *this;
}

TarWriter& TarWriter::Directory(std::string path, mode_t mode) {
  TarEntry entry;
  entry.path = std::move(path);
  entry.type = '5';
  entry.mode = mode;
  return Add(entry);
}

TarWriter& TarWriter::File(std::string path, std::string data, mode_t mode) {
  TarEntry entry;
  entry.path = std::move(path);
  entry.data = std::move(data);
  entry.mode = mode;
  return Add(entry);
}

TarWriter& TarWriter::Symlink(std::string path, std::string target) {
  TarEntry entry;
  entry.path = std::move(path);
  entry.type = '2';
  entry.target = std::move(target);
  entry.mode = 0777;
  return Add(entry);
}

TarWriter& TarWriter::HardLink(std::string path, std::string target) {
  TarEntry entry;
  entry.path = std::move(path);
  entry.type = '1';
  entry.target = std::move(target);
  return Add(entry);
}

std::string TarWriter::Take() {
  out_.append(2 * kTarBlock, '\0');
  return std::move(out_);
}

}  // namespace cradle::image
