#include "unpack/tar.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "unpack/tar_header.h"

namespace cradle::unpack {
namespace {

constexpr std::string_view kXattrPrefix = "SCHILY.xattr.";

Result<int64_t> Decimal(std::string_view text, std::string_view name) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    return InvalidArgument(Cat("PAX ", name, " is no number"));
  return value;
}

// "-12.5", "1700000000.123456789": what PAX writes for a time.
Result<timespec> PaxTime(std::string_view text) {
  size_t dot = text.find('.');
  timespec time{};
  time.tv_sec = TRY(Decimal(text.substr(0, dot), "mtime"));
  if (dot == std::string_view::npos) return time;
  std::string digits(text.substr(dot + 1, 9));
  if (digits.find_first_not_of("0123456789") != std::string::npos)
    return InvalidArgument("PAX mtime is no number");
  digits.resize(9, '0');
  time.tv_nsec = TRY(Decimal(digits, "mtime"));
  if (text.front() == '-' && time.tv_nsec > 0) {
    --time.tv_sec;
    time.tv_nsec = 1'000'000'000 - time.tv_nsec;
  }
  return time;
}

Result<uint32_t> CheckedId(int64_t value, std::string_view name) {
  if (value < 0 || static_cast<uint64_t>(value) > kMaxId)
    return InvalidArgument(Cat(name, " ", std::to_string(value), " is out of range"));
  return static_cast<uint32_t>(value);
}

Result<unsigned> CheckedDevice(int64_t value, unsigned highest, std::string_view name) {
  if (value < 0 || value > static_cast<int64_t>(highest))
    return InvalidArgument(Cat(name, " ", std::to_string(value), " is out of range"));
  return static_cast<unsigned>(value);
}

// Records of a PAX header: "LENGTH KEY=VALUE\n", the length counting itself.
Result<> ParsePax(std::string_view rest, std::map<std::string, std::string>& out) {
  while (!rest.empty() && rest.front() != '\0') {
    size_t length = 0;
    auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), length);
    size_t digits = static_cast<size_t>(end - rest.data());
    if (error != std::errc() || digits >= rest.size() || *end != ' ' || length > rest.size() ||
        length < digits + 3 || rest[length - 1] != '\n')
      return InvalidArgument("malformed PAX record");
    std::string_view record = rest.substr(digits + 1, length - digits - 2);
    size_t equals = record.find('=');
    if (equals == 0 || equals == std::string_view::npos) return InvalidArgument("malformed PAX record");
    std::string key(record.substr(0, equals)), value(record.substr(equals + 1));
    // GNU's first form of sparse files repeats two keys: the map of the second form is made of them.
    if (key == "GNU.sparse.offset" || key == "GNU.sparse.numbytes") {
      std::string& map = out["GNU.sparse.map"];
      map += Cat(map.empty() ? "" : ",", value);
    } else {
      out[key] = std::move(value);
    }
    rest.remove_prefix(length);
  }
  return {};
}

EntryType TypeOf(char flag) {
  switch (flag) {
    case '0':
    case '\0':
    case '7':
    case 'S': return EntryType::kFile;
    case '1': return EntryType::kHardLink;
    case '2': return EntryType::kSymlink;
    case '3': return EntryType::kCharDevice;
    case '4': return EntryType::kBlockDevice;
    case '5': return EntryType::kDirectory;
    case '6': return EntryType::kFifo;
    default: return EntryType::kOther;
  }
}

}  // namespace

Result<int64_t> Number(const char* field, size_t size, std::string_view name, int64_t low) {
  int64_t value = 0;
  if (static_cast<unsigned char>(field[0]) & 0x80) {
    value = (field[0] & 0x40) ? -1 : 0;
    for (size_t i = 0; i < size; ++i) {
      auto byte = static_cast<unsigned char>(field[i]);
      if (i == 0) byte = static_cast<unsigned char>((byte & 0x40) ? byte | 0x80 : byte & 0x7f);
      if (value > INT64_MAX >> 8 || value < INT64_MIN >> 8) return InvalidArgument(Cat(name, " is out of range"));
      value = value * 256 + byte;
    }
  } else {
    std::string_view text = Text(field, size);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    if (!text.empty()) {
      auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
      if (error != std::errc() || end != text.data() + text.size())
        return InvalidArgument(Cat(name, " is no octal number"));
    }
  }
  if (value < low) return InvalidArgument(Cat(name, " is negative"));
  return value;
}

std::string Printable(std::string_view name) {
  static constexpr char kDigits[] = "0123456789abcdef";
  constexpr size_t kShown = 200;
  std::string out;
  for (char c : name.substr(0, kShown)) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) out.push_back(c);
    else out.append({'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]});
  }
  if (name.size() > kShown) out += "...";
  return out;
}

Result<bool> TarReader::ReadExactly(char* out, size_t size) {
  size_t have = 0;
  while (have < size) {
    std::string_view bytes = TRY(source_.Take(size - have));
    if (bytes.empty()) {
      if (have == 0) return false;
      return InvalidArgument("the archive ends in the middle of an entry");
    }
    std::memcpy(out + have, bytes.data(), bytes.size());
    have += bytes.size();
  }
  return true;
}

Result<> TarReader::SkipData() {
  while (data_left_ + padding_ > 0) {
    uint64_t want = data_left_ + padding_;
    std::string_view bytes = TRY(source_.Take(std::min<uint64_t>(want, 1 << 20)));
    if (bytes.empty() && data_left_ == 0) padding_ = 0;  // umoci leaves out what would fill the last block
    else if (bytes.empty()) return InvalidArgument("the archive ends in the middle of an entry");
    uint64_t of_data = std::min<uint64_t>(data_left_, bytes.size());
    data_left_ -= of_data;
    padding_ -= bytes.size() - of_data;
  }
  return {};
}

Result<std::string_view> TarReader::ReadData() {
  if (data_left_ == 0) return std::string_view();
  std::string_view bytes = TRY(source_.Take(std::min<uint64_t>(data_left_, 1 << 20)));
  if (bytes.empty()) return InvalidArgument("the archive ends in the middle of an entry");
  data_left_ -= bytes.size();
  return bytes;
}

Result<bool> TarReader::ReadHeader(Header& header) {
  static_assert(sizeof(Header) == kBlock);
  TRYV(SkipData());
  if (!TRY(ReadExactly(header.bytes(), kBlock)) || header.IsZero()) {
    // Behind the end mark: padding, which still counts for the digest.
    while (!TRY(source_.Take(1 << 20)).empty()) continue;
    return false;
  }
  TRYV(header.Check());
  if (++entries_ > limits_.max_entries)
    return Error(Code::kResourceExhausted,
                 Cat("more than the limit of ", std::to_string(limits_.max_entries), " entries (image.max_layer_entries)"));
  data_left_ = static_cast<uint64_t>(TRY(Number(header.size, sizeof header.size, "size")));
  padding_ = -data_left_ & (kBlock - 1);
  return true;
}

Result<std::string> TarReader::ReadExtension() {
  // Of all those in front of one entry: there may be any number.
  if (data_left_ > limits_.max_header_bytes - extension_bytes_)
    return Error(Code::kResourceExhausted, Cat("extension headers larger than the limit of ",
                                               std::to_string(limits_.max_header_bytes),
                                               " bytes (image.max_layer_header_bytes)"));
  extension_bytes_ += data_left_;
  std::string out;
  for (;;) {
    std::string_view bytes = TRY(ReadData());
    if (bytes.empty()) return out;
    out.append(bytes);
  }
}

Result<> TarReader::ApplyPax(Entry& entry) {
  for (auto& [key, value] : pax_) {
    if (key == "path") entry.path = value;
    else if (key == "linkpath") entry.target = value;
    else if (key == "mtime") entry.mtime = TRY(PaxTime(value));
    else if (key == "uid") entry.uid = TRY(CheckedId(TRY(Decimal(value, key)), "uid"));
    else if (key == "gid") entry.gid = TRY(CheckedId(TRY(Decimal(value, key)), "gid"));
    else if (key.starts_with(kXattrPrefix)) entry.xattrs.emplace_back(key.substr(kXattrPrefix.size()), value);
    else if (key.starts_with("GNU.sparse.")) TRYV(ApplySparsePax(key, value, entry));
  }
  return {};
}

Result<std::optional<Entry>> TarReader::Finish(const Header& header) {
  if (header.type == 'S') TRYV(ReadSparseHeaders(header));
  Entry entry;
  entry.type = TypeOf(header.type);
  entry.path = long_name_ ? std::move(*long_name_) : header.Path();
  entry.target = long_target_ ? std::move(*long_target_) : std::string(Text(header.target, sizeof header.target));
  entry.mode = static_cast<mode_t>(TRY(Number(header.mode, sizeof header.mode, "mode")) & 07777);
  // A PAX number stands in for one that the field can't hold; what the field says then is nothing.
  if (!pax_.contains("uid")) entry.uid = TRY(CheckedId(TRY(Number(header.uid, sizeof header.uid, "uid")), "uid"));
  if (!pax_.contains("gid")) entry.gid = TRY(CheckedId(TRY(Number(header.gid, sizeof header.gid, "gid")), "gid"));
  entry.mtime.tv_sec = TRY(Number(header.mtime, sizeof header.mtime, "mtime", INT64_MIN));
  if (auto size = pax_.find("size"); size != pax_.end()) {
    int64_t stated = TRY(Decimal(size->second, "size"));
    if (stated < 0) return InvalidArgument("PAX size is negative");
    data_left_ = static_cast<uint64_t>(stated);
    padding_ = -data_left_ & (kBlock - 1);
  }
  TRYV(ApplyPax(entry));
  if (entry.type == EntryType::kCharDevice || entry.type == EntryType::kBlockDevice) {
    entry.major = TRY(CheckedDevice(TRY(Number(header.major, sizeof header.major, "device major")), kMaxMajor,
                                    "device major"));
    entry.minor = TRY(CheckedDevice(TRY(Number(header.minor, sizeof header.minor, "device minor")), kMaxMinor,
                                    "device minor"));
  }
  // Archives from before directories had a type.
  if (entry.type == EntryType::kFile && entry.path.ends_with('/')) entry.type = EntryType::kDirectory;
  entry.size = data_left_;
  if (sparse_) TRYV(FinishSparse(entry));
  pax_.clear();
  long_name_.reset();
  long_target_.reset();
  sparse_.reset();
  extension_bytes_ = 0;
  return entry;
}

Result<std::optional<Entry>> TarReader::Next() {
  for (;;) {
    Header header;
    if (!TRY(ReadHeader(header))) return std::optional<Entry>();
    switch (header.type) {
      case 'x': TRYV(ParsePax(TRY(ReadExtension()), pax_)); break;
      case 'g': break;  // global records: comments of git and the like, nothing that a layer needs
      case 'L': long_name_ = TRY(ReadExtension()).c_str(); break;
      case 'K': long_target_ = TRY(ReadExtension()).c_str(); break;
      default: return Finish(header).With(Printable(long_name_ ? *long_name_ : header.Path()));
    }
  }
}

}  // namespace cradle::unpack
