// The reader of tar archives. The input is a list of entries, made into an archive here, so that mutations get past the
// checksum: type, length and name, length and data, then bytes of the header to be overwritten.
#include <algorithm>
#include <cstring>

#include "fuzz.h"
#include "unpack/decompress.h"
#include "unpack/tar.h"

namespace cradle::unpack {
namespace {

constexpr size_t kBlock = 512, kChecksum = 148, kMaxBytes = 1 << 20;

std::string_view TakeSome(std::string_view& input, size_t size) {
  std::string_view out = input.substr(0, size);
  input.remove_prefix(out.size());
  return out;
}

std::string MakeEntry(std::string_view& input) {
  std::string header(kBlock, '\0');
  char type = static_cast<char>(fuzz::TakeByte(input));
  std::string_view name = TakeSome(input, fuzz::TakeByte(input) % 100);
  std::string_view data = TakeSome(input, fuzz::TakeByte(input) * 8u);
  std::memcpy(header.data(), name.data(), name.size());
  std::snprintf(header.data() + 100, 8, "%07o", 0644);
  std::snprintf(header.data() + 124, 12, "%011zo", data.size());
  std::memcpy(header.data() + 257, "ustar\00000", 8);
  header[156] = type;
  for (unsigned patches = fuzz::TakeByte(input) % 8; patches > 0; --patches) {
    size_t at = fuzz::TakeByte(input) * 2u;
    header[at] = static_cast<char>(fuzz::TakeByte(input));
  }
  std::memset(header.data() + kChecksum, ' ', 8);
  unsigned sum = 0;
  for (char c : header) sum += static_cast<unsigned char>(c);
  std::snprintf(header.data() + kChecksum, 8, "%06o", sum);
  std::string out = header + std::string(data);
  out.append(-data.size() & (kBlock - 1), '\0');
  return out;
}

class Nowhere : public Sink {
 public:
  Result<std::span<char>> Room() override { return std::span(room_); }
  Result<> Fill(size_t) override { return {}; }

 private:
  char room_[4096];
};

class Pieces : public Source {
 public:
  Pieces(std::string_view bytes, size_t piece) : bytes_(bytes), piece_(std::max<size_t>(piece, 1)) {}
  Result<std::string_view> Take(size_t max) override { return TakeSome(bytes_, std::min(max, piece_)); }

 private:
  std::string_view bytes_;
  const size_t piece_;
};

void CheckEntry(const Entry& entry) {
  fuzz::Require(entry.uid != 0xffffffff && entry.gid != 0xffffffff && (entry.mode & ~07777u) == 0);
  fuzz::Require(entry.major <= kMaxMajor && entry.minor <= kMaxMinor);
  uint64_t end = 0;
  for (const Extent& extent : entry.extents) {
    fuzz::Require(extent.offset >= end);
    end = extent.offset + extent.size;
  }
  fuzz::Require(!entry.sparse || (end <= entry.size && entry.size <= kMaxBytes));
}

// What was read, as one text; it must not depend on how the bytes came.
std::string ReadAll(std::string_view archive, size_t piece) {
  Limits limits;
  limits.max_bytes = kMaxBytes;
  limits.max_entries = 1000;
  Pieces source(archive, piece);
  TarReader reader(source, limits);
  std::string out;
  for (;;) {
    auto entry = reader.Next();
    if (!entry.ok()) return out + entry.error().text();
    if (!*entry) return out;
    CheckEntry(**entry);
    out += Cat((*entry)->path, "|", (*entry)->target, "|", std::to_string((*entry)->size), "|");
    for (;;) {
      auto data = reader.ReadData();
      if (!data.ok()) return out + data.error().text();
      if (data->empty()) break;
      out += *data;
    }
  }
}

}  // namespace
}  // namespace cradle::unpack

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cradle;
  std::string_view input = fuzz::View(data, size);
  size_t piece = fuzz::TakeByte(input) + 1u;
  std::string raw(input);
  unpack::Nowhere nowhere;
  unpack::Decompressor decompressor({.max_bytes = 1 << 20}, nowhere);
  if (decompressor.Push(raw).ok()) (void)decompressor.Finish();

  std::string archive;
  while (!input.empty()) archive += unpack::MakeEntry(input);
  fuzz::Require(unpack::ReadAll(archive, piece) == unpack::ReadAll(archive, 1 << 20));
  return 0;
}
