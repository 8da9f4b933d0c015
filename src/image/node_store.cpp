#include "image/node_store.h"

#include <fcntl.h>
#include <signal.h>

#include <algorithm>
#include <set>

#include "base/crash_point.h"
#include "base/ids.h"
#include "base/sys/file.h"
#include "base/sys/process.h"
#include "image/archive.h"
#include "image/documents.h"
#include "image/reference.h"

namespace cradle::image {
namespace {

constexpr size_t kHexAt = sizeof("sha256:") - 1;

void Merge(std::vector<std::string>& into, const std::vector<std::string>& from) {
  into.insert(into.end(), from.begin(), from.end());
  std::sort(into.begin(), into.end());
  into.erase(std::unique(into.begin(), into.end()), into.end());
}

}  // namespace

Result<std::unique_ptr<ImageStore>> ImageStore::Open(StoreConfig config) {
  sys::IgnoreSignal(SIGPIPE);  // an unpacker that dies must not take the process along
  auto store = std::make_unique<NodeStore>(std::move(config));
  TRYV(store->Load().With("open image store"));
  return std::unique_ptr<ImageStore>(std::move(store));
}

Result<> NodeStore::Load() {
  for (const char* folder : {"/content/sha256", "/layers", "/images"})
    TRYV(sys::MakeDirs(config_.dir + folder, 0700));
  // Not in the way even if something in it can't be removed.
  if (auto emptied = sys::RemoveTree(kCwd, config_.dir + "/tmp"); !emptied.ok())
    warnings_.push_back(Cat("left-overs stay: ", emptied.error().text()));
  TRYV(sys::MakeDirs(config_.dir + "/tmp", 0700));
  warnings_ = TRY(layers_.Load());
  TRYV(LoadImages());
  SweepDocuments();
  return {};
}

// Oldest first: where two images claim one name, the later one has it.
Result<> NodeStore::LoadImages() {
  UniqueFd folder = TRY(sys::OpenAt(kCwd, config_.dir + "/images", O_RDONLY | O_DIRECTORY));
  std::vector<std::pair<int64_t, std::string>> files;
  for (std::string& name : TRY(sys::ListDir(folder))) {
    auto info = sys::FstatAt(folder, name, AT_SYMLINK_NOFOLLOW);
    if (info.ok()) files.emplace_back(info->st_mtim.tv_sec * 1'000'000'000 + info->st_mtim.tv_nsec, std::move(name));
  }
  std::sort(files.begin(), files.end());
  for (const auto& [time, name] : files) {
    auto loaded = LoadImage(name);
    if (loaded.ok()) continue;
    warnings_.push_back(Cat("image record ", name, " is dropped: ", loaded.error().text()));
    (void)sys::RemoveTree(folder, name);
  }
  return {};
}

Result<> NodeStore::LoadImage(const std::string& file_name) {
  Record record = TRY(LoadRecord(config_.dir, file_name));
  std::string config_json = TRY(LoadDocument(config_.dir, record.id, kMaxConfigBytes));
  ParsedConfig config = TRY(ParseConfig(config_json, HostPlatform()));
  if (ChainIds(config.diff_ids) != record.chain) return InvalidArgument("its layers are not those of its config");
  Held held{record, {}};
  for (const std::string& chain : record.chain) held.layers.push_back(TRY(layers_.Hold(chain)));
  held_[record.id] = std::move(held);
  catalog_.Put(Build(record, config_json, config));
  return {};
}

void NodeStore::SweepDocuments() {
  std::set<std::string> wanted;
  for (const auto& [id, held] : held_) {
    wanted.insert(id.substr(kHexAt));
    for (const std::string& digest : held.record.documents) wanted.insert(digest.substr(kHexAt));
  }
  auto folder = sys::OpenAt(kCwd, config_.dir + "/content/sha256", O_RDONLY | O_DIRECTORY);
  if (!folder.ok()) return;
  auto names = sys::ListDir(*folder);
  if (!names.ok()) return;
  for (const std::string& name : *names)
    if (!wanted.contains(name)) (void)sys::RemoveTree(*folder, name);
}

NodeStore::ImagePtr NodeStore::Build(const Record& record, const std::string& config_json,
                                     const ParsedConfig& config) const {
  auto image = std::make_shared<Image>();
  image->id = record.id;
  image->repo_tags = record.tags;
  image->repo_digests = record.digests;
  image->size = config_json.size();
  for (auto chain = record.chain.rbegin(); chain != record.chain.rend(); ++chain) {
    image->layer_dirs.push_back(layers_.FsDir(*chain));
    image->size += layers_.SizeOf(*chain).bytes;
  }
  image->uid = config.uid;
  image->username = config.username;
  image->config = config.config;
  image->config_json = config_json;
  return image;
}

// From a reference's document down to the manifest for this node.
Result<NodeStore::Found> NodeStore::Resolve(Source& source, std::string digest, std::string bytes,
                                            std::string_view media_type, std::stop_token stop) {
  Found found;
  std::string type(media_type);
  for (int depth = 0; depth <= kMaxIndexDepth; ++depth) {
    Document document = TRY(ParseDocument(bytes, type).With(digest));
    found.documents.emplace_back(digest, std::move(bytes));
    if (auto* manifest = std::get_if<Manifest>(&document)) {
      found.manifest = std::move(*manifest);
      return found;
    }
    Descriptor next = TRY(SelectPlatform(std::get<Index>(document), HostPlatform()));
    bytes = TRY(source.Document(next, kMaxManifestBytes, stop).With("manifest"));
    digest = next.digest;
    type = next.media_type;
  }
  return InvalidArgument(Cat("indexes nested deeper than the limit of ", std::to_string(kMaxIndexDepth)));
}

Result<NodeStore::ImagePtr> NodeStore::Ingest(Source& source, const Found& found, Names names, std::stop_token stop,
                                              const ProgressSink& progress) {
  std::string config_json = TRY(source.Document(found.manifest.config, kMaxConfigBytes, stop).With("config"));
  ParsedConfig config = TRY(ParseConfig(config_json, HostPlatform()).With("config"));
  auto layers = TRY(FetchLayers(config_, layers_, source, found.manifest.layers, config.diff_ids, stop, progress));
  Record record;
  record.id = DigestOf(config_json);
  record.tags = std::move(names.tags);
  record.digests = std::move(names.digests);
  record.chain = ChainIds(config.diff_ids);
  return Commit(std::move(record), found, config_json, config, std::move(layers), stop);
}

Result<NodeStore::ImagePtr> NodeStore::Commit(Record record, const Found& found, const std::string& config_json,
                                              const ParsedConfig& config, std::vector<LayerHold> layers,
                                              std::stop_token stop) {
  std::lock_guard lock(commit_mutex_);
  if (stop.stop_requested()) return Error(Code::kCancelled, "cancelled");
  if (auto known = held_.find(record.id); known != held_.end()) {
    Merge(record.tags, known->second.record.tags);
    Merge(record.digests, known->second.record.digests);
    Merge(record.documents, known->second.record.documents);
  }
  TRYV(SaveDocument(config_.dir, record.id, config_json));
  for (const auto& [digest, bytes] : found.documents) {
    TRYV(SaveDocument(config_.dir, digest, bytes));
    Merge(record.documents, {digest});
  }
  Merge(record.tags, {});
  Merge(record.digests, {});
  TRYV(CrashPoint("image.commit"));
  TRYV(SaveRecord(config_.dir, record));
  ImagePtr image = Build(record, config_json, config);
  Held& held = held_[image->id];
  held = Held{std::move(record), std::move(layers)};
  // Should a rewrite fail, the next start finds two records with one name and gives it to the later one: this.
  for (const ImagePtr& loser : catalog_.Put(image)) {
    Record& other = held_[loser->id].record;
    other.tags = loser->repo_tags;
    other.digests = loser->repo_digests;
    (void)SaveRecord(config_.dir, other);
  }
  return image;
}

Result<std::vector<NodeStore::ImagePtr>> NodeStore::Import(const std::string& host_path, const std::string& name) {
  struct stat info = TRY(sys::FstatAt(kCwd, host_path, 0).With("import"));
  if (S_ISDIR(info.st_mode)) return ImportDirectory(host_path, name).With(Cat("import ", host_path));
  std::string temporary = TRY(layers_.MakeTemporary());
  auto unpacked = UnpackArchive(config_, host_path, temporary);
  auto images = unpacked.ok() ? ImportDirectory(temporary, name)
                              : Result<std::vector<ImagePtr>>(std::move(unpacked.error()));
  layers_.RemoveTemporary(temporary);
  return std::move(images).With(Cat("import ", host_path));
}

Result<std::vector<NodeStore::ImagePtr>> NodeStore::ImportDirectory(const std::string& dir, const std::string& name) {
  std::vector<ArchiveEntry> entries = TRY(ReadArchiveIndex(dir, name));
  if (entries.empty()) return InvalidArgument("it holds no image");
  ArchiveSource source(TRY(sys::OpenAt(kCwd, dir, O_RDONLY | O_DIRECTORY)));
  std::vector<ImagePtr> out;
  for (ArchiveEntry& entry : entries) {
    Names names;
    Found found;
    for (const std::string& tag : entry.tags) {
      Reference reference = TRY(ParseReference(tag));
      if (reference.digest.empty()) names.tags.push_back(reference.str());
      if (entry.root) names.digests.push_back(reference.ByDigest(entry.root->digest));
    }
    if (entry.root) {
      std::string bytes = TRY(source.Document(*entry.root, kMaxManifestBytes, {}));
      found = TRY(Resolve(source, entry.root->digest, std::move(bytes), entry.root->media_type, {}));
    } else {
      found.manifest = std::move(entry.manifest);
    }
    out.push_back(TRY(Ingest(source, found, std::move(names), {}, {})));
  }
  return out;
}

Result<> NodeStore::Remove(const std::string& reference) {
  Held gone;
  {
    std::lock_guard lock(commit_mutex_);
    ImagePtr image = TRY(catalog_.Find(reference));
    if (!image) return {};
    auto held = held_.find(image->id);
    TRYV(RemoveRecord(config_.dir, held->second.record));
    catalog_.Remove(image->id);
    gone = std::move(held->second);
    held_.erase(held);
  }
  return {};  // and `gone` lets go of the layers
}

Result<NodeStore::ImagePtr> NodeStore::Acquire(const std::string& reference, const std::string& container_id) {
  ImagePtr image = TRY(catalog_.Find(reference));
  if (!image) return NotFound(Cat("image \"", reference, "\" is not here"));
  TRYV(Reacquire(image->layer_dirs, container_id));
  return image;
}

Result<> NodeStore::Reacquire(const std::vector<std::string>& layer_dirs, const std::string& container_id) {
  std::vector<LayerHold> holds;
  for (const std::string& dir : layer_dirs) {
    std::string chain = layers_.ChainOf(dir);
    if (chain.empty()) return InvalidArgument(Cat(dir, " is no layer of this store"));
    holds.push_back(TRY(layers_.Hold(chain)));
  }
  std::lock_guard lock(containers_mutex_);
  containers_[container_id].swap(holds);
  return {};
}

void NodeStore::Release(const std::string& container_id) {
  std::vector<LayerHold> gone;
  std::lock_guard lock(containers_mutex_);
  if (auto found = containers_.find(container_id); found != containers_.end()) {
    gone = std::move(found->second);
    containers_.erase(found);
  }
}

FsUsage NodeStore::Usage() const {
  LayerSize total = layers_.Total();
  return {config_.dir, total.bytes, total.inodes};
}

}  // namespace cradle::image
