// A layer's blob: the archive that it came as. A store that is asked to (StoreConfig::keep_blobs) keeps it beside the
// unpacked layer, and it comes and goes with that. Nothing depends on it but an export, which gives the image as it came.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "image/documents.h"
#include "image/store.h"

namespace cradle::image {

// Where the blob of the layer is, if it was kept.
std::string BlobBeside(const std::string& fs_dir);

// What an image came as.
struct KeptImage {
  std::string manifest, media_type;  // the document
  std::vector<std::string> layers;   // digests of the blobs, lowest first
};
// Nothing if a blob is not there, or is another one than the manifest names: damaged, or an image that shares the layer
// brought it in another compression. Reads all of them.
std::optional<KeptImage> FindKept(const Image& image);

}  // namespace cradle::image
