// PAX records, the extended headers of a tar archive. The input is a choice, then records, one a line; odd: their lengths are put
// in front of them here, so that mutations get past these; even: they are taken as they are. What follows a zero byte is the
// data of the file behind them.
#include "fuzz.h"
#include "image/builtin/tar_writer.h"
#include "unpack/tar.h"

namespace cradle::unpack {
namespace {

constexpr uint64_t kMaxBytes = 1 << 20, kMaxExtents = 100;

// "LENGTH KEY=VALUE\n", the length counting itself.
std::string WithLength(std::string_view record) {
  size_t length = record.size() + 3;
  while (std::to_string(length).size() + 2 + record.size() > length) ++length;
  return Cat(std::to_string(length), " ", record, "\n");
}

std::string Records(std::string_view lines) {
  std::string out;
  while (!lines.empty()) {
    size_t end = std::min(lines.find('\n'), lines.size());
    out += WithLength(lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return out;
}

class Whole : public Source {
 public:
  explicit Whole(std::string_view bytes) : bytes_(bytes) {}
  Result<std::string_view> Take(size_t max) override {
    std::string_view out = bytes_.substr(0, max);
    bytes_.remove_prefix(out.size());
    return out;
  }

 private:
  std::string_view bytes_;
};

void CheckEntry(const Entry& entry) {
  fuzz::Require(entry.uid != 0xffffffff && entry.gid != 0xffffffff);
  fuzz::Require(entry.mtime.tv_nsec >= 0 && entry.mtime.tv_nsec < 1'000'000'000);
  fuzz::Require(entry.extents.size() <= kMaxExtents && (!entry.sparse || entry.size <= kMaxBytes));
  uint64_t data = 0, end = 0;
  for (const Extent& extent : entry.extents) {
    fuzz::Require(extent.offset >= end);
    end = extent.offset + extent.size;
    data += extent.size;
  }
  fuzz::Require(!entry.sparse || (end <= entry.size && data <= kMaxBytes));
}

}  // namespace
}  // namespace cradle::unpack

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cradle;
  std::string_view input = fuzz::View(data, size);
  bool measured = fuzz::TakeByte(input) & 1;
  size_t zero = std::min(input.find('\0'), input.size());
  image::TarEntry header, file;
  header.path = "pax";
  header.type = 'x';
  header.data = measured ? unpack::Records(input.substr(0, zero)) : std::string(input.substr(0, zero));
  file.path = "file";
  file.data = input.substr(std::min(zero + 1, input.size()));
  std::string archive = image::TarWriter().Add(header).Add(file).Take();
  unpack::Limits limits;
  limits.max_bytes = unpack::kMaxBytes;
  limits.max_extents = unpack::kMaxExtents;
  unpack::Whole source(archive);
  unpack::TarReader reader(source, limits);
  for (;;) {
    auto entry = reader.Next();
    if (!entry.ok() || !*entry) return 0;
    unpack::CheckEntry(**entry);
  }
}
