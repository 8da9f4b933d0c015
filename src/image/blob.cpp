#include "image/blob.h"

#include <fcntl.h>

#include "base/sys/file.h"
#include "image/json.h"
#include "image/record.h"
#include "unpack/sha256.h"

namespace cradle::image {
namespace {

constexpr size_t kChunk = 256 * 1024;
constexpr const char* kOciManifest = "application/vnd.oci.image.manifest.v1+json";

std::string Parent(const std::string& path) { return path.substr(0, path.rfind('/')); }

Result<std::string> DigestOfFile(const std::string& path) {
  UniqueFd fd = TRY(sys::OpenAt(kCwd, path, O_RDONLY | O_NOFOLLOW));
  unpack::Sha256 hash;
  std::string buffer(kChunk, '\0');
  for (;;) {
    size_t got = TRY(sys::Read(fd, buffer.data(), buffer.size()));
    if (got == 0) return hash.Digest();
    hash.Update(std::string_view(buffer).substr(0, got));
  }
}

bool AreKept(const std::vector<Descriptor>& layers, const std::vector<std::string>& dirs) {
  if (layers.size() != dirs.size()) return layers.empty();  // without layers an image has an empty one of ours
  for (size_t i = 0; i < layers.size(); ++i) {
    auto digest = DigestOfFile(BlobBeside(dirs[dirs.size() - 1 - i]));
    if (!digest.ok() || *digest != layers[i].digest) return false;
  }
  return true;
}

}  // namespace

std::string BlobBeside(const std::string& fs_dir) { return Parent(fs_dir) + "/blob"; }

std::optional<KeptImage> FindKept(const Image& image) {
  std::string store = Parent(Parent(Parent(image.layer_dirs.front())));  // from layers/<chain>/fs: an additional one's, too
  auto record = LoadRecord(store, Record::FileName(image.id));
  if (!record.ok()) return std::nullopt;
  for (const std::string& digest : record->documents) {
    auto bytes = LoadDocument(store, digest, kStoredLimits.manifest.bytes);
    if (!bytes.ok() || DigestOf(*bytes) != digest) continue;
    auto document = ParseDocument(*bytes, "", kStoredLimits);
    auto* manifest = document.ok() ? std::get_if<Manifest>(&*document) : nullptr;
    if (!manifest || manifest->config.digest != image.id || !AreKept(manifest->layers, image.layer_dirs)) continue;
    KeptImage kept;
    auto json = ParseJson(*bytes, {kStoredLimits.max_json_depth});
    kept.media_type = json.ok() ? StringMember(*json, "mediaType").value_or("") : "";
    if (kept.media_type.empty()) kept.media_type = kOciManifest;
    kept.manifest = std::move(*bytes);
    for (const Descriptor& layer : manifest->layers) kept.layers.push_back(layer.digest);
    return kept;
  }
  return std::nullopt;
}

}  // namespace cradle::image
