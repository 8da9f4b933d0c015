// Sparse files, as GNU's tar writes them:
//
//   old   type 'S'; 4 extents in the header, 21 in each block behind it
//   0.0   PAX records GNU.sparse.offset and .numbytes, repeated (the reader makes a map of them)
//   0.1   PAX record GNU.sparse.map: "offset,size,offset,size..."
//   1.0   PAX says GNU.sparse.major=1; the map stands in front of the data, one number a line, filled up to a block
//
// The manual of GNU tar, "Storing Sparse Files".
#include <charconv>

#include "unpack/tar_header.h"

namespace cradle::unpack {
namespace {

constexpr size_t kNumberBytes = 12, kExtentBytes = 2 * kNumberBytes;
// In the header (behind what ustar has up to there) and in an extension block.
constexpr size_t kFirstExtent = 386, kExtentsInHeader = 4, kMoreInHeader = 482, kRealSize = 483;
constexpr size_t kExtentsInBlock = 21, kMoreInBlock = 504;

Result<uint64_t> Unsigned(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    return InvalidArgument("a number of a sparse file is none");
  return value;
}

}  // namespace

Result<> TarReader::AddExtent(uint64_t offset, uint64_t size) {
  std::vector<Extent>& extents = sparse_->extents;
  if (extents.size() >= limits_.max_extents)
    return Error(Code::kResourceExhausted, Cat("a sparse file of more than the limit of ",
                                               std::to_string(limits_.max_extents),
                                               " pieces (image.max_layer_extents)"));
  uint64_t end = extents.empty() ? 0 : extents.back().offset + extents.back().size;
  if (offset < end || size > UINT64_MAX - offset) return InvalidArgument("the pieces of a sparse file overlap");
  extents.push_back({offset, size});
  return {};
}

Result<> TarReader::ReadSparseHeaders(const Header& header) {
  sparse_.emplace();
  sparse_->real_size =
      static_cast<uint64_t>(TRY(Number(header.bytes() + kRealSize, kNumberBytes, "real size")));
  auto read = [&](const char* at, size_t count) -> Result<> {
    for (size_t i = 0; i < count; ++i, at += kExtentBytes) {
      if (*at == 0) break;
      int64_t offset = TRY(Number(at, kNumberBytes, "offset"));
      int64_t size = TRY(Number(at + kNumberBytes, kNumberBytes, "size"));
      TRYV(AddExtent(static_cast<uint64_t>(offset), static_cast<uint64_t>(size)));
    }
    return {};
  };
  TRYV(read(header.bytes() + kFirstExtent, kExtentsInHeader));
  char block[kBlock];
  for (bool more = header.bytes()[kMoreInHeader]; more; more = block[kMoreInBlock]) {
    if (!TRY(ReadExactly(block, kBlock))) return InvalidArgument("the archive ends in the middle of an entry");
    size_t before = sparse_->extents.size();
    TRYV(read(block, kExtentsInBlock));
    if (sparse_->extents.size() == before) return InvalidArgument("an empty block of a sparse file's pieces");
  }
  return {};
}

Result<> TarReader::ApplySparsePax(const std::string& key, const std::string& value, Entry& entry) {
  if (!sparse_) sparse_.emplace();
  if (key == "GNU.sparse.name") {
    entry.path = value;
  } else if (key == "GNU.sparse.size" || key == "GNU.sparse.realsize") {
    sparse_->real_size = TRY(Unsigned(value));
  } else if (key == "GNU.sparse.major") {
    sparse_->map_in_data = value == "1";
  } else if (key == "GNU.sparse.map") {
    for (std::string_view rest = value; !rest.empty();) {
      size_t comma = rest.find(','), end = comma == rest.npos ? rest.npos : rest.find(',', comma + 1);
      if (comma == rest.npos) return InvalidArgument("the map of a sparse file is cut");
      uint64_t offset = TRY(Unsigned(rest.substr(0, comma)));
      TRYV(AddExtent(offset, TRY(Unsigned(rest.substr(comma + 1, end - comma - 1)))));
      rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    }
  }
  return {};
}

Result<uint64_t> TarReader::ReadMapNumber() {
  uint64_t value = 0;
  for (size_t digits = 0;; ++digits) {
    if (data_left_ == 0) return InvalidArgument("the map of a sparse file is cut");
    char c;
    if (!TRY(ReadExactly(&c, 1))) return InvalidArgument("the archive ends in the middle of an entry");
    --data_left_;
    if (c == '\n' && digits > 0) return value;
    if (c < '0' || c > '9' || value > UINT64_MAX / 10 - 1) return InvalidArgument("a number of a sparse file is none");
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
}

Result<> TarReader::ReadSparseMap() {
  uint64_t all = data_left_;
  uint64_t count = TRY(ReadMapNumber());
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t offset = TRY(ReadMapNumber());
    TRYV(AddExtent(offset, TRY(ReadMapNumber())));
  }
  uint64_t fill = -(all - data_left_) & (kBlock - 1);
  if (fill > data_left_) return InvalidArgument("the map of a sparse file is cut");
  char block[kBlock];
  if (fill > 0 && !TRY(ReadExactly(block, fill))) return InvalidArgument("the archive ends in the middle of an entry");
  data_left_ -= fill;
  return {};
}

Result<> TarReader::FinishSparse(Entry& entry) {
  if (entry.type != EntryType::kFile) return InvalidArgument("a sparse entry that is no file");
  if (sparse_->map_in_data) TRYV(ReadSparseMap());
  if (!sparse_->real_size) return InvalidArgument("a sparse file without a size");
  if (*sparse_->real_size > limits_.max_bytes)
    return Error(Code::kResourceExhausted, Cat("a sparse file larger than the limit of ",
                                               std::to_string(limits_.max_bytes), " bytes (image.max_layer_bytes)"));
  uint64_t data = 0, end = 0;
  for (const Extent& extent : sparse_->extents) {
    data += extent.size;
    end = extent.offset + extent.size;
  }
  if (data != data_left_ || end > *sparse_->real_size)
    return InvalidArgument("the pieces of a sparse file don't fit its sizes");
  entry.sparse = true;
  entry.size = *sparse_->real_size;
  entry.extents = std::move(sparse_->extents);
  return {};
}

}  // namespace cradle::unpack
