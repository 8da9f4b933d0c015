#include "image/tar_header.h"

#include <algorithm>
#include <string_view>

namespace cradle::image {
namespace {

constexpr uint64_t kLargestId = 07777777;  // that ustar's fields hold

// Octal where it fits, else base-256.
void Number(std::string& header, size_t at, size_t size, uint64_t value) {
  if (value >> (3 * (size - 1))) {
    for (size_t i = size - 1; i > 0; --i, value >>= 8) header[at + i] = static_cast<char>(value & 0xff);
    header[at] = static_cast<char>(0x80);
    return;
  }
  for (size_t i = size - 1; i-- > 0; value >>= 3) header[at + i] = static_cast<char>('0' + (value & 7));
}

void Text(std::string& header, size_t at, size_t size, std::string_view text) {
  header.replace(at, std::min(size, text.size()), text.substr(0, size));
}

std::string PaxRecord(const std::string& key, const std::string& value) {
  size_t length = key.size() + value.size() + 3;
  size_t total = length + std::to_string(length).size();
  total = length + std::to_string(total).size();
  return std::to_string(total) + " " + key + "=" + value + "\n";
}

std::string Block(const TarEntry& entry, std::string_view path, uint64_t size) {
  std::string header(kTarBlock, '\0');
  Text(header, 0, 100, path);
  Number(header, 100, 8, entry.mode);
  Number(header, 108, 8, entry.uid);
  Number(header, 116, 8, entry.gid);
  Number(header, 124, 12, size);
  Number(header, 136, 12, static_cast<uint64_t>(std::max<int64_t>(entry.mtime, 0)));
  header[156] = entry.type;
  Text(header, 157, 100, entry.target);
  header.replace(257, 8, std::string_view("ustar\00000", 8));
  Number(header, 329, 8, entry.major);
  Number(header, 337, 8, entry.minor);
  header.replace(148, 8, "        ");
  uint64_t sum = 0;
  for (char c : header) sum += static_cast<unsigned char>(c);
  header.replace(148, 8, std::string_view("\0\0\0\0\0\0\0 ", 8));
  Number(header, 148, 7, sum);
  return header;
}

}  // namespace

std::string TarHeader(const TarEntry& entry, uint64_t size) {
  auto pax = entry.pax;
  if (entry.path.size() > 100) pax["path"] = entry.path;
  if (entry.target.size() > 100) pax["linkpath"] = entry.target;
  if (entry.mtime < 0) pax.insert({"mtime", std::to_string(entry.mtime)});
  std::string out;
  if (!pax.empty()) {
    std::string records;
    for (const auto& [key, value] : pax) records += PaxRecord(key, value);
    TarEntry extension;
    extension.type = 'x';
    out = Block(extension, "pax", records.size()) + records;
    out.append(TarFill(records.size()), '\0');
  }
  return out + Block(entry, entry.path, size);
}

}  // namespace cradle::image
