// What an image directory offers: an OCI layout (oci-layout, index.json, blobs/) or an unpacked docker archive
// (manifest.json). The directory may hold anything: every name is resolved inside it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "image/layers.h"
#include "image/source.h"

namespace cradle::image {

class ArchiveSource : public Source {
 public:
  explicit ArchiveSource(UniqueFd dir) : dir_(std::move(dir)) {}
  std::string registry() const override { return ""; }
  Result<std::string> Document(const Descriptor& descriptor, const SizeLimit& limit, std::stop_token stop) override;
  Result<> Feed(const Descriptor& descriptor, const ByteSink& sink, std::stop_token stop) override;

 private:
  const UniqueFd dir_;
};

// One image of the directory: `manifest` (a docker archive states it) or `root` (to be read), and its names.
struct ArchiveEntry {
  std::vector<std::string> tags;  // full references, not yet parsed
  std::optional<Descriptor> root;
  Manifest manifest;
};
// `name`: for entries without one, and the repository of those that state only a tag.
Result<std::vector<ArchiveEntry>> ReadArchiveIndex(const std::string& dir, const std::string& name,
                                                   const DocumentLimits& limits);

// Unpacks a tar (also compressed) into `into`, in the sandbox.
Result<> UnpackArchive(const StoreConfig& config, const std::string& tar, const std::string& into);

}  // namespace cradle::image
