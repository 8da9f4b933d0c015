// What the store keeps on disk about one image (images/<id hex>.json) and its documents (content/sha256/<hex>).
// Written by rename; every reader copes with a missing or broken file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/store.h"

namespace cradle::image {

struct Record {
  std::string id;  // digest of the config
  std::vector<std::string> tags, digests;
  std::vector<std::string> documents;  // digests: index, manifest
  std::vector<std::string> chain;      // lowest first

  static std::string FileName(const std::string& id);  // below images/
};

// What the record and the documents take on the disk, as du counts.
struct DocumentsSize {
  uint64_t bytes = 0, inodes = 0;
};
DocumentsSize SizeOnDisk(const std::string& store_dir, const Record& record);

Result<> SaveRecord(const std::string& store_dir, const Record& record);
Result<Record> LoadRecord(const std::string& store_dir, const std::string& file_name);
Result<> RemoveRecord(const std::string& store_dir, const Record& record);

Result<> SaveDocument(const std::string& store_dir, const std::string& digest, std::string_view bytes);
Result<std::string> LoadDocument(const std::string& store_dir, const std::string& digest, size_t limit);

}  // namespace cradle::image
