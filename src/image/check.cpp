#include <fcntl.h>

#include <set>

#include "base/sys/file.h"
#include "base/tree_size.h"
#include "image/blob.h"
#include "image/documents.h"
#include "image/node_store.h"

namespace cradle::image {
Result<> NodeStore::CheckLayer(const std::string& chain) {
  // Held, so that it doesn't go while it is looked at; one that has gone since is no problem.
  auto hold = layers_.Hold(chain);
  if (!hold.ok()) return {};
  UniqueFd dir = TRY(sys::OpenAt(kCwd, layers_.FsDir(chain), O_RDONLY | O_DIRECTORY));
  uint64_t found = TRY(MeasureTree(dir)).inodes;
  uint64_t own = Layers::kOwnInodes + sys::Exists(kCwd, BlobBeside(layers_.FsDir(chain)));
  uint64_t stated = layers_.SizeOf(chain).inodes - own;
  if (found == stated) return {};
  return FailedPrecondition(Cat("it has ", std::to_string(found), " files, not the ", std::to_string(stated),
                                " that were unpacked"));
}

std::vector<std::string> NodeStore::ProblemsOf(const Record& record) const {
  std::vector<std::string> problems;
  std::vector<std::string> digests = record.documents;
  digests.push_back(record.id);
  for (const std::string& digest : digests) {
    auto bytes = LoadDocument(config_.dir, digest, kStoredLimits.config.bytes);
    if (!bytes.ok()) problems.push_back(Cat("document ", digest, ": ", bytes.error().text()));
    else if (DigestOf(*bytes) != digest) problems.push_back(Cat("document ", digest, " is damaged"));
  }
  return problems;
}

Checkup NodeStore::Check(Repair repair) {
  Checkup out;
  std::set<std::string> broken;  // chains
  for (const std::string& chain : layers_.Present()) {
    ++out.layers;
    auto fine = CheckLayer(chain);
    if (fine.ok()) continue;
    broken.insert(chain);
    out.problems.push_back(Cat("layer ", chain, ": ", fine.error().text()));
  }
  std::vector<Record> records;
  {
    std::lock_guard lock(commit_mutex_);
    for (const auto& [id, held] : held_) records.push_back(held.record);
  }
  for (const Record& record : records) {
    ++out.images;
    std::vector<std::string> problems = ProblemsOf(record);
    bool trusted = problems.empty();
    for (const std::string& chain : record.chain)
      if (broken.contains(chain)) trusted = false;
    if (auto saved = LoadRecord(config_.dir, Record::FileName(record.id)); !saved.ok()) {
      problems.push_back(saved.error().text());
      if (repair == Repair::kYes && trusted && SaveRecord(config_.dir, record).ok()) problems.back() += ": written anew";
    }
    if (repair == Repair::kYes && !trusted) {
      auto removed = Remove(record.id);
      problems.push_back(removed.ok() ? "removed: pull it again" : removed.error().text());
    }
    for (const std::string& problem : problems) out.problems.push_back(Cat("image ", record.id, ": ", problem));
  }
  if (repair == Repair::kYes)
    for (const std::string& chain : broken)
      if (layers_.Hold(chain).ok()) out.problems.push_back(Cat("layer ", chain, " stays: a container uses it"));
  return out;
}

}  // namespace cradle::image
