#include "image/record.h"

#include <fcntl.h>

#include "base/ids.h"
#include "base/sys/file.h"
#include "image/json.h"

namespace cradle::image {
namespace {

constexpr size_t kMaxRecordBytes = 4 << 20;
constexpr size_t kHexAt = sizeof("sha256:") - 1;

std::string DocumentPath(const std::string& store_dir, const std::string& digest) {
  return Cat(store_dir, "/content/sha256/", digest.substr(kHexAt));
}
std::string RecordPath(const std::string& store_dir, const std::string& id) {
  return Cat(store_dir, "/images/", Record::FileName(id));
}

Result<> AllDigests(const std::vector<std::string>& digests) {
  for (const std::string& digest : digests)
    if (!IsSha256Digest(digest)) return InvalidArgument("a digest is malformed");
  return {};
}

}  // namespace

std::string Record::FileName(const std::string& id) { return id.substr(kHexAt) + ".json"; }

Result<> SaveRecord(const std::string& store_dir, const Record& record) {
  Json json{{"id", record.id},
            {"tags", record.tags},
            {"digests", record.digests},
            {"documents", record.documents},
            {"chain", record.chain}};
  return sys::ReplaceFile(kCwd, RecordPath(store_dir, record.id), Dump(json) + "\n", 0600);
}

Result<Record> LoadRecord(const std::string& store_dir, const std::string& file_name) {
  std::string text = TRY(sys::ReadFile(kCwd, Cat(store_dir, "/images/", file_name), kMaxRecordBytes));
  Json json = TRY(ParseJson(text));
  Record record;
  record.id = TRY(StringMember(json, "id"));
  record.tags = TRY(StringsMember(json, "tags"));
  record.digests = TRY(StringsMember(json, "digests"));
  record.documents = TRY(StringsMember(json, "documents"));
  record.chain = TRY(StringsMember(json, "chain"));
  TRYV(AllDigests({record.id}));
  TRYV(AllDigests(record.documents));
  TRYV(AllDigests(record.chain));
  if (Record::FileName(record.id) != file_name) return InvalidArgument("it is under another image's name");
  return record;
}

Result<> RemoveRecord(const std::string& store_dir, const Record& record) {
  auto removed = sys::UnlinkAt(kCwd, RecordPath(store_dir, record.id), 0);
  if (!removed.ok() && removed.error().err() != ENOENT) return removed;
  std::vector<std::string> documents = record.documents;
  documents.push_back(record.id);
  // What stays is swept at the next start.
  for (const std::string& digest : documents) (void)sys::UnlinkAt(kCwd, DocumentPath(store_dir, digest), 0);
  return {};
}

DocumentsSize SizeOnDisk(const std::string& store_dir, const Record& record) {
  DocumentsSize size;
  auto add = [&](const std::string& path) {
    auto info = sys::FstatAt(kCwd, path, AT_SYMLINK_NOFOLLOW);
    if (!info.ok()) return;
    size.bytes += static_cast<uint64_t>(info->st_blocks) * 512;
    ++size.inodes;
  };
  add(RecordPath(store_dir, record.id));
  add(DocumentPath(store_dir, record.id));
  for (const std::string& digest : record.documents) add(DocumentPath(store_dir, digest));
  return size;
}

Result<> SaveDocument(const std::string& store_dir, const std::string& digest, std::string_view bytes) {
  return sys::ReplaceFile(kCwd, DocumentPath(store_dir, digest), bytes, 0600);
}

Result<std::string> LoadDocument(const std::string& store_dir, const std::string& digest, size_t limit) {
  return sys::ReadFile(kCwd, DocumentPath(store_dir, digest), limit);
}

}  // namespace cradle::image
