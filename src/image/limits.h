// What an image's documents may ask of this node at most. A document that asks for more is refused, by an error that names
// the limit: each is a key of the configuration.
#pragma once

#include <cstddef>

namespace cradle::image {

struct SizeLimit {
  size_t bytes;
  const char* key;  // of the configuration
};

struct DocumentLimits {
  SizeLimit manifest{4 << 20, "image.max_manifest_bytes"};  // of an index, too
  SizeLimit config{8 << 20, "image.max_config_bytes"};
  int max_json_depth = 64;
  size_t max_layers = 500;  // overlayfs takes no more lower layers
};

// The most that a configuration can allow. What is in the store was within the limits when it came, and stays when they are
// lowered.
inline constexpr DocumentLimits kStoredLimits{{64 << 20, ""}, {64 << 20, ""}, 256, 500};

}  // namespace cradle::image
