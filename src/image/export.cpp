// Export: an OCI layout in one tar, with the manifest.json of docker archives beside its index.
#include <fcntl.h>

#include <algorithm>
#include <set>

#include "base/sys/file.h"
#include "base/sys/file_more.h"
#include "image/blob.h"
#include "image/documents.h"
#include "image/json.h"
#include "image/layer_archive.h"
#include "image/node_store.h"
#include "image/tar_header.h"
#include "unpack/sha256.h"

namespace cradle::image {
namespace {

constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";
constexpr const char* kLayerType = "application/vnd.oci.image.layer.v1.tar";
constexpr size_t kChunk = 256 * 1024;
constexpr size_t kHexAt = sizeof("sha256:") - 1;

std::string BlobPath(const std::string& digest) { return "blobs/sha256/" + digest.substr(kHexAt); }

struct Blob {
  std::string digest;
  uint64_t size = 0;
  Json Descriptor(const std::string& type) const { return {{"mediaType", type}, {"digest", digest}, {"size", size}}; }
};

// The archive that is written: a regular file, so that a member's header can follow its data.
class ArchiveFile {
 public:
  explicit ArchiveFile(FdRef fd) : fd_(fd) {}

  Result<> Add(const std::string& path, std::string_view bytes) {
    TRYV(Put(TarHeader(Named(path), bytes.size())));
    TRYV(Put(bytes));
    return Put(std::string(TarFill(bytes.size()), '\0'));
  }
  Result<Blob> AddBlob(std::string_view bytes) {
    Blob blob{DigestOf(bytes), bytes.size()};
    if (written_.insert(blob.digest).second) TRYV(Add(BlobPath(blob.digest), bytes));
    return blob;
  }
  // A file whose digest is known.
  Result<Blob> AddFile(const std::string& path, const std::string& digest) {
    UniqueFd fd = TRY(sys::OpenAt(kCwd, path, O_RDONLY | O_NOFOLLOW));
    Blob blob{digest, static_cast<uint64_t>(TRY(sys::Fstat(fd)).st_size)};
    if (!written_.insert(digest).second) return blob;
    TRYV(Put(TarHeader(Named(BlobPath(digest)), blob.size)));
    std::string buffer(kChunk, '\0');
    for (uint64_t left = blob.size; left > 0;) {
      size_t got = TRY(sys::Read(fd, buffer.data(), std::min<uint64_t>(left, buffer.size())));
      if (got == 0) return FailedPrecondition(Cat(path, " became shorter"));
      TRYV(Put(std::string_view(buffer).substr(0, got)));
      left -= got;
    }
    TRYV(Put(std::string(TarFill(blob.size), '\0')));
    return blob;
  }
  Result<Blob> AddLayer(FdRef fs_dir) {
    uint64_t begin = at_;
    at_ += kTarBlock;
    Blob blob;
    unpack::Sha256 hash;
    TRYV(ArchiveLayer(fs_dir, [&](std::string_view bytes) {
      hash.Update(bytes);
      blob.size += bytes.size();
      return Put(bytes);
    }));
    blob.digest = hash.Digest();
    if (!written_.insert(blob.digest).second) {  // there already: written over
      at_ = begin;
      return blob;
    }
    std::string header = TarHeader(Named(BlobPath(blob.digest)), blob.size);
    TRYV(sys::PwriteAll(fd_, header.data(), header.size(), static_cast<off_t>(begin)));
    TRYV(Put(std::string(TarFill(blob.size), '\0')));
    return blob;
  }
  Result<> End() {
    TRYV(Put(std::string(2 * kTarBlock, '\0')));
    return sys::Ftruncate(fd_, static_cast<off_t>(at_));
  }

 private:
  static TarEntry Named(const std::string& path) {
    TarEntry entry;
    entry.path = path;
    return entry;
  }
  Result<> Put(std::string_view bytes) {
    TRYV(sys::PwriteAll(fd_, bytes.data(), bytes.size(), static_cast<off_t>(at_)));
    at_ += bytes.size();
    return {};
  }

  const FdRef fd_;
  uint64_t at_ = 0;
  std::set<std::string> written_;  // digests
};

struct Written {
  Blob config, manifest;
  std::string manifest_type;
  std::vector<Blob> layers;
};

Result<Written> WriteKept(ArchiveFile& archive, const Image& image, const KeptImage& kept) {
  Written out;
  for (size_t i = 0; i < kept.layers.size(); ++i) {
    const std::string& dir = image.layer_dirs[image.layer_dirs.size() - 1 - i];
    out.layers.push_back(TRY(archive.AddFile(BlobBeside(dir), kept.layers[i])));
  }
  out.config = TRY(archive.AddBlob(image.config_json));
  out.manifest = TRY(archive.AddBlob(kept.manifest));
  out.manifest_type = kept.media_type;
  return out;
}

Result<Blob> WriteManifest(ArchiveFile& archive, const Written& written) {
  Json layers = Json::array();
  for (const Blob& layer : written.layers) layers.push_back(layer.Descriptor(kLayerType));
  Json manifest{{"schemaVersion", 2},
                {"mediaType", kManifestType},
                {"config", written.config.Descriptor(kConfigType)},
                {"layers", layers}};
  return archive.AddBlob(Dump(manifest));
}

// `known`: what was archived before, by layer directory.
Result<Written> WriteAnew(ArchiveFile& archive, const Image& image, std::map<std::string, Blob>& known) {
  Written out;
  Json config = TRY(ParseJson(image.config_json, {kStoredLimits.max_json_depth}));
  Json diff_ids = Json::array();
  bool layerless = Member(Member(config, "rootfs"), "diff_ids").empty();
  for (auto dir = image.layer_dirs.rbegin(); dir != image.layer_dirs.rend() && !layerless; ++dir) {
    auto found = known.find(*dir);
    if (found == known.end()) {
      UniqueFd fd = TRY(sys::OpenAt(kCwd, *dir, O_RDONLY | O_DIRECTORY));
      found = known.insert({*dir, TRY(archive.AddLayer(fd))}).first;
    }
    out.layers.push_back(found->second);
    diff_ids.push_back(found->second.digest);
  }
  bool same = Member(Member(config, "rootfs"), "diff_ids") == diff_ids || layerless;
  if (!same) config["rootfs"] = {{"type", "layers"}, {"diff_ids", diff_ids}};
  out.config = TRY(archive.AddBlob(same ? image.config_json : Dump(config)));
  out.manifest = TRY(WriteManifest(archive, out));
  out.manifest_type = kManifestType;
  return out;
}

Json DockerEntry(const Image& image, const Written& written) {
  Json layers = Json::array();
  for (const Blob& layer : written.layers) layers.push_back(BlobPath(layer.digest));
  return {{"Config", BlobPath(written.config.digest)}, {"RepoTags", image.repo_tags}, {"Layers", layers}};
}

// One entry for each name, as containerd reads them; an image without a name has one too.
void AddIndexEntries(Json& index, const Image& image, const Written& written) {
  Platform platform = HostPlatform();
  Json entry = written.manifest.Descriptor(written.manifest_type);
  entry["platform"] = {{"os", platform.os}, {"architecture", platform.architecture}};
  for (const std::string& tag : image.repo_tags) {
    entry["annotations"] = {{"io.containerd.image.name", tag},
                            {"org.opencontainers.image.ref.name", tag.substr(tag.rfind(':') + 1)}};
    index.push_back(entry);
  }
  if (image.repo_tags.empty()) index.push_back(entry);
}

Result<std::vector<std::string>> WriteArchive(FdRef fd, const std::vector<std::shared_ptr<const Image>>& images) {
  ArchiveFile archive(fd);
  TRYV(archive.Add("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
  std::map<std::string, Blob> known;
  Json entries = Json::array(), docker = Json::array();
  std::vector<std::string> ids;
  for (const auto& image : images) {
    auto kept = FindKept(*image);
    Written written =
        TRY((kept ? WriteKept(archive, *image, *kept) : WriteAnew(archive, *image, known)).With(image->id));
    AddIndexEntries(entries, *image, written);
    docker.push_back(DockerEntry(*image, written));
    ids.push_back(written.config.digest);
  }
  Json index{{"schemaVersion", 2}, {"mediaType", "application/vnd.oci.image.index.v1+json"}, {"manifests", entries}};
  TRYV(archive.Add("index.json", Dump(index)));
  TRYV(archive.Add("manifest.json", Dump(docker)));
  TRYV(archive.End());
  return ids;
}

}  // namespace

Result<std::vector<std::string>> NodeStore::Export(const std::vector<std::string>& references,
                                                   const std::string& path) {
  std::vector<ImagePtr> images;
  std::vector<LayerHold> holds;
  for (const std::string& reference : references) {
    ImagePtr image = TRY(catalog_.Find(reference));
    if (!image) return NotFound(Cat("image \"", reference, "\" is not here"));
    for (LayerHold& hold : TRY(HoldDirs(image->layer_dirs))) holds.push_back(std::move(hold));
    images.push_back(std::move(image));
  }
  if (images.empty()) return InvalidArgument("no image is named");
  UniqueFd fd = TRY(sys::OpenAt(kCwd, path, O_WRONLY | O_CREAT | O_EXCL, 0600).With("export"));
  auto written = WriteArchive(fd, images);
  if (!written.ok()) (void)sys::RemoveFile(kCwd, path);
  return std::move(written).With(Cat("export to ", path));
}

}  // namespace cradle::image
