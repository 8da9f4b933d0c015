#include "image/node_store.h"

#include <fcntl.h>
#include <signal.h>

#include <algorithm>
#include <set>

#include "base/crash_point.h"
#include "base/ids.h"
#include "base/sys/file.h"
#include "base/sys/file_more.h"
#include "base/sys/process.h"
#include "image/additional.h"
#include "image/archive.h"
#include "image/build_image.h"
#include "image/documents.h"
#include "image/empty_namespaces.h"
#include "image/reference.h"

namespace cradle::image {
namespace {

constexpr size_t kHexAt = sizeof("sha256:") - 1;
constexpr size_t kMaxBootId = 100;
constexpr uint64_t kFolders = 6;  // of the store itself; they and `boot` take a block each
constexpr uint64_t kBlock = 4096;

void Merge(std::vector<std::string>& into, const std::vector<std::string>& from) {
  into.insert(into.end(), from.begin(), from.end());
  std::sort(into.begin(), into.end());
  into.erase(std::unique(into.begin(), into.end()), into.end());
}

class EmptyLayerSource : public Source {
 public:
  std::string registry() const override { return ""; }
  Result<std::string> Document(const Descriptor&, const SizeLimit&, std::stop_token) override { return NotFound("no document"); }
  Result<> Feed(const Descriptor&, const ByteSink& sink, std::stop_token) override { return sink(EmptyLayer()); }
};

}  // namespace

Result<std::unique_ptr<ImageStore>> ImageStore::Open(StoreConfig config) {
  sys::IgnoreSignal(SIGPIPE);  // an unpacker that dies must not take the process along
  (void)LoadEmptyNamespaces();  // early, so that no pull waits for it; a failure is told by the first unpacker
  if (config.boot_id.empty())
    config.boot_id = TRY(sys::ReadFile(kCwd, "/proc/sys/kernel/random/boot_id", kMaxBootId).With("open image store"));
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
  SpreadLayers();
  auto dropped = TRY(layers_.Load(IsNewBoot()));
  warnings_.insert(warnings_.end(), dropped.begin(), dropped.end());
  // The unmarked layers have gone. A full disk must not keep the store from opening: they will go at the next start too.
  if (auto noted = sys::ReplaceFile(kCwd, config_.dir + "/boot", config_.boot_id, 0600); !noted.ok())
    warnings_.push_back(Cat("the boot is not noted: ", noted.error().text()));
  LoadAdditional();
  TRYV(LoadImages());
  SweepDocuments();
  return {};
}

// ext4 would put the inodes of all layers side by side, and after a removal it passes over those of the last minutes one by
// one for each new file (recently_deleted in its ialloc.c). Other file systems don't know the flag and don't need it.
void NodeStore::SpreadLayers() {
  auto tmp = sys::OpenAt(kCwd, config_.dir + "/tmp", O_RDONLY | O_DIRECTORY);
  if (tmp.ok()) (void)sys::SetTopDirectory(*tmp);
}

// Whether the machine was started anew since the store was last open.
bool NodeStore::IsNewBoot() const {
  auto last = sys::ReadFile(kCwd, config_.dir + "/boot", kMaxBootId);
  return !last.ok() || *last != config_.boot_id;
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
  std::string config_json = TRY(LoadDocument(config_.dir, record.id, kStoredLimits.config.bytes));
  if (DigestOf(config_json) != record.id) return InvalidArgument("its config is damaged");
  ParsedConfig config = TRY(ParseConfig(config_json, HostPlatform(), kStoredLimits));
  if (ChainIds(config.diff_ids) != record.chain) return InvalidArgument("its layers are not those of its config");
  Held held{record, {}};
  for (const std::string& chain : record.chain) held.layers.push_back(TRY(layers_.Hold(chain)));
  Hold(std::move(held));
  catalog_.Put(Build(record, config_json, config));
  return {};
}

void NodeStore::Hold(Held held) {
  held.documents = SizeOnDisk(config_.dir, held.record);
  Held& place = held_[held.record.id];
  document_bytes_ += held.documents.bytes - place.documents.bytes;
  document_inodes_ += held.documents.inodes - place.documents.inodes;
  place = std::move(held);
}

void NodeStore::FlushSoon() {
  if (flush_waits_.exchange(true)) return;
  flusher_.Post([this] {
    flush_waits_ = false;
    (void)layers_.MakeDurable();  // what stays unmarked is tried again after the next pull
  });
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

std::shared_ptr<Image> NodeStore::Build(const Record& record, const std::string& config_json,
                                        const ParsedConfig& config) const {
  std::vector<LayerPlace> places;
  for (const std::string& chain : record.chain) places.push_back({layers_.FsDir(chain), layers_.SizeOf(chain).bytes});
  return BuildImage(record, config_json, config, places);
}

// Before the store's own images, which may take names from these.
void NodeStore::LoadAdditional() {
  if (config_.additional_dir.empty()) return;
  AdditionalImages found = ReadAdditional(config_.additional_dir);
  warnings_.insert(warnings_.end(), found.warnings.begin(), found.warnings.end());
  for (const auto& image : found.images) {
    additional_[image->id] = image;
    catalog_.Put(std::make_shared<Image>(*image));
  }
}

// If an image has brought it, and it isn't damaged.
std::optional<std::string> NodeStore::FindDocument(const std::string& digest, size_t limit) const {
  if (!IsSha256Digest(digest)) return std::nullopt;  // archives don't state all
  auto found = LoadDocument(config_.dir, digest, limit);
  if (!found.ok() || DigestOf(*found) != digest) return std::nullopt;
  return std::move(*found);
}

// The document that a descriptor names: within the limit, and as large as it says. What is here isn't fetched again.
Result<std::string> NodeStore::Fetch(Source& source, const Descriptor& descriptor, const SizeLimit& limit,
                                     std::stop_token stop) const {
  if (descriptor.size > limit.bytes)
    return Error(Code::kResourceExhausted, Cat("of ", std::to_string(descriptor.size), " bytes, the limit is ",
                                               std::to_string(limit.bytes), " (", limit.key, ")"));
  auto kept = FindDocument(descriptor.digest, limit.bytes);
  std::string bytes = kept ? std::move(*kept) : TRY(source.Document(descriptor, limit, stop));
  if (descriptor.size > 0 && bytes.size() != descriptor.size)
    return InvalidArgument(Cat("it has ", std::to_string(bytes.size()), " bytes, not the stated ",
                               std::to_string(descriptor.size)));
  return bytes;
}

// From a reference's document down to the manifest for this node.
Result<NodeStore::Found> NodeStore::Resolve(Source& source, std::string digest, std::string bytes,
                                            std::string_view media_type, std::stop_token stop) {
  Found found;
  std::string type(media_type);
  for (int depth = 0; depth <= kMaxIndexDepth; ++depth) {
    Document document = TRY(ParseDocument(bytes, type, config_.document_limits).With(digest));
    found.documents.emplace_back(digest, std::move(bytes));
    if (auto* manifest = std::get_if<Manifest>(&document)) {
      found.manifest = std::move(*manifest);
      return found;
    }
    Descriptor next = TRY(SelectPlatform(std::get<Index>(document), HostPlatform()));
    bytes = TRY(Fetch(source, next, config_.document_limits.manifest, stop).With("manifest"));
    digest = next.digest;
    type = next.media_type;
  }
  return InvalidArgument(Cat("indexes nested deeper than the limit of ", std::to_string(kMaxIndexDepth)));
}

Result<NodeStore::ImagePtr> NodeStore::Ingest(Source& source, const Found& found, Names names, std::stop_token stop,
                                              const ProgressSink& progress) {
  // Before the layers: one connection brings all. A second one beside it, for the lowest layer, would spend on its
  // handshakes (TCP, TLS) the round trip that it saves, or more.
  std::string config_json = TRY(Fetch(source, found.manifest.config, config_.document_limits.config, stop).With("config"));
  ParsedConfig config = TRY(ParseConfig(config_json, HostPlatform(), config_.document_limits).With("config"));
  EmptyLayerSource empty;
  bool layerless = found.manifest.layers.empty();
  auto layers = TRY(FetchLayers({config_, layers_, slots_}, layerless ? empty : source,
                                layerless ? std::vector<Descriptor>(1) : found.manifest.layers, config.diff_ids, stop,
                                progress));
  Record record;
  record.id = DigestOf(config_json);
  record.tags = std::move(names.tags);
  record.digests = std::move(names.digests);
  record.chain = ChainIds(config.diff_ids);
  return Commit(std::move(record), found, config_json, config, std::move(layers), stop);
}

Result<> NodeStore::Save(const Record& record, const Found& found, const std::string& config_json) const {
  TRYV(SaveDocument(config_.dir, record.id, config_json));
  for (const auto& [digest, bytes] : found.documents) TRYV(SaveDocument(config_.dir, digest, bytes));
  TRYV(CrashPoint("image.commit"));
  return SaveRecord(config_.dir, record);
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
  for (const auto& [digest, bytes] : found.documents) record.documents.push_back(digest);
  for (auto* names : {&record.documents, &record.tags, &record.digests}) Merge(*names, {});
  if (auto saved = Save(record, found, config_json); !saved.ok()) {
    SweepDocuments();
    return std::move(saved.error());
  }
  auto image = Build(record, config_json, config);
  Hold(Held{std::move(record), std::move(layers)});
  SaveChanged(catalog_.Put(image));
  FlushSoon();
  return ImagePtr(image);
}

// Of images that lost a name. Should a rewrite fail, the next start finds two records with one name and gives it to the
// later one: the one that took it.
void NodeStore::SaveChanged(const std::vector<ImagePtr>& changed) {
  for (const ImagePtr& loser : changed) {
    auto held = held_.find(loser->id);
    if (held == held_.end()) continue;  // the additional store's
    Record& other = held->second.record;
    other.tags = loser->repo_tags;
    other.digests = loser->repo_digests;
    (void)SaveRecord(config_.dir, other);
  }
}

Result<NodeStore::ImagePtr> NodeStore::Tag(const std::string& text, const std::string& name) {
  Reference reference = TRY(ParseReference(name));
  if (reference.tag.empty()) return InvalidArgument(Cat("\"", name, "\" has a digest: only a tag can be given"));
  std::lock_guard lock(commit_mutex_);
  ImagePtr known = TRY(catalog_.Find(text));
  if (!known) return NotFound(Cat("image \"", text, "\" is not here"));
  auto held = held_.find(known->id);
  if (held == held_.end()) return FailedPrecondition(Cat("image \"", text, "\" is of the read-only additional store"));
  Record record = held->second.record;
  Merge(record.tags, {reference.str()});
  TRYV(SaveRecord(config_.dir, record));
  auto image = std::make_shared<Image>(*known);
  image->repo_tags = record.tags;
  held->second.record = std::move(record);
  SaveChanged(catalog_.Put(image));
  return ImagePtr(image);
}

Result<Pruned> NodeStore::Prune() {
  std::set<std::string> used;  // the top layers of containers
  {
    std::lock_guard lock(containers_mutex_);
    for (const auto& [id, holds] : containers_)
      if (!holds.empty()) used.insert(layers_.FsDir(holds.front().chain()));
  }
  Pruned pruned;
  uint64_t before = Usage().bytes;
  for (const ImagePtr& image : catalog_.List()) {
    if (image->pinned || used.contains(image->layer_dirs.front())) continue;
    TRYV(Remove(image->id));
    pruned.images.push_back(image->repo_tags.empty() ? image->id : image->repo_tags.front());
  }
  uint64_t after = Usage().bytes;
  pruned.bytes = before - std::min(before, after);
  return pruned;
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
  std::vector<ArchiveEntry> entries = TRY(ReadArchiveIndex(dir, name, config_.document_limits));
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
      std::string bytes = TRY(Fetch(source, *entry.root, config_.document_limits.manifest, {}));
      found = TRY(Resolve(source, entry.root->digest, std::move(bytes), entry.root->media_type, {}));
    } else {
      found.manifest = std::move(entry.manifest);
    }
    ImagePtr image = TRY(Ingest(source, found, std::move(names), {}, {}));
    std::erase_if(out, [&](const ImagePtr& earlier) { return earlier->id == image->id; });  // it has more names now
    out.push_back(std::move(image));
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
    if (held == held_.end())
      return FailedPrecondition(Cat("image \"", reference, "\" is of the read-only additional store"));
    TRYV(RemoveRecord(config_.dir, held->second.record));
    catalog_.Remove(image->id);
    gone = std::move(held->second);
    document_bytes_ -= gone.documents.bytes;
    document_inodes_ -= gone.documents.inodes;
    held_.erase(held);
    if (auto other = additional_.find(image->id); other != additional_.end())
      catalog_.Put(std::make_shared<Image>(*other->second));  // as if it had never been here
  }
  layers_.Release(std::move(gone.layers));
  return {};
}

Result<NodeStore::ImagePtr> NodeStore::Acquire(const std::string& reference, const std::string& container_id) {
  ImagePtr image = TRY(catalog_.Find(reference));
  if (!image) return NotFound(Cat("image \"", reference, "\" is not here"));
  TRYV(Reacquire(image->layer_dirs, container_id));
  return image;
}

Result<std::vector<LayerHold>> NodeStore::HoldDirs(const std::vector<std::string>& layer_dirs) {
  std::vector<LayerHold> holds;
  for (const std::string& dir : layer_dirs) {
    if (!config_.additional_dir.empty() && dir.starts_with(config_.additional_dir + "/layers/")) continue;
    std::string chain = layers_.ChainOf(dir);
    if (chain.empty()) return InvalidArgument(Cat(dir, " is no layer of this store"));
    holds.push_back(TRY(layers_.Hold(chain)));
  }
  return holds;
}

Result<> NodeStore::Reacquire(const std::vector<std::string>& layer_dirs, const std::string& container_id) {
  std::vector<LayerHold> holds = TRY(HoldDirs(layer_dirs));
  std::lock_guard lock(containers_mutex_);
  std::vector<LayerHold>& all = containers_[container_id];
  std::move(holds.begin(), holds.end(), std::back_inserter(all));
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
  return {config_.dir, total.bytes + document_bytes_ + (kFolders + 1) * kBlock,
          total.inodes + document_inodes_ + kFolders + 1};
}

}  // namespace cradle::image
