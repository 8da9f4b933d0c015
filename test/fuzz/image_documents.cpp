// Indexes, manifests, configs and docker archives' lists: whatever comes out has digests that are digests, numbers in
// range, and as many entries as the limits allow.
#include "base/ids.h"
#include "fuzz.h"
#include "image/documents.h"

namespace cradle::image {
namespace {

void CheckDescriptor(const Descriptor& descriptor) { fuzz::Require(IsSha256Digest(descriptor.digest)); }

void CheckDocument(std::string_view bytes) {
  auto document = ParseDocument(bytes, "");
  if (!document.ok()) return;
  if (auto* manifest = std::get_if<Manifest>(&*document)) {
    CheckDescriptor(manifest->config);
    fuzz::Require(manifest->layers.size() <= 500);
    for (const Descriptor& layer : manifest->layers) CheckDescriptor(layer);
    return;
  }
  const Index& index = std::get<Index>(*document);
  for (const Descriptor& entry : index.manifests) CheckDescriptor(entry);
  auto chosen = SelectPlatform(index, HostPlatform());
  if (chosen.ok()) CheckDescriptor(*chosen);
}

void CheckConfig(std::string_view bytes) {
  auto config = ParseConfig(bytes, HostPlatform());
  if (!config.ok()) return;
  fuzz::Require(!config->diff_ids.empty() && config->diff_ids.size() <= 500);
  fuzz::Require(ChainIds(config->diff_ids).size() == config->diff_ids.size());
  for (const std::string& id : config->diff_ids) fuzz::Require(IsSha256Digest(id));
  if (config->uid) fuzz::Require(*config->uid >= 0 && *config->uid < 0xffffffff && config->username.empty());
}

}  // namespace
}  // namespace cradle::image

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cradle;
  std::string_view input = fuzz::View(data, size);
  image::CheckDocument(input);
  image::CheckConfig(input);
  auto archive = image::ParseDockerArchive(input);
  if (archive.ok())
    for (const auto& entry : *archive) fuzz::Require(!entry.manifest.config.path.empty());
  return 0;
}
