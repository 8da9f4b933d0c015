// Documents: indexes, manifests and configs, from bytes to structs. Pure. The bytes are hostile: size and depth are
// limited, what could be read in two ways is refused. Image specification 1.1; Docker's manifest v2, schema 2.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "image/limits.h"
#include "image/store.h"

namespace cradle::image {

inline constexpr int kMaxIndexDepth = 3;

struct Descriptor {
  std::string media_type;
  std::string digest;  // "sha256:..."; empty in archives that don't state it
  uint64_t size = 0;   // 0: not stated
  std::string path;    // in a docker archive: the member that holds it
  std::string os, architecture, variant;
  std::map<std::string, std::string> annotations;
};
struct Index {
  std::vector<Descriptor> manifests;
};
struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;  // lowest first
};
using Document = std::variant<Index, Manifest>;

// `media_type`: what the one who gave the bytes calls them (an HTTP header, a descriptor), or empty.
Result<Document> ParseDocument(std::string_view bytes, std::string_view media_type, const DocumentLimits& limits = {});

// The accepted media types, for an HTTP Accept header.
std::string AcceptedDocuments();

// What this node runs.
struct Platform {
  std::string os, architecture;
  int level = 1;  // of x86-64: v1 to v4
};
Platform HostPlatform();
// The entry for the platform: the highest variant that it can run. Attestations ("unknown") are passed over.
Result<Descriptor> SelectPlatform(const Index& index, const Platform& platform);

struct ParsedConfig {
  ImageConfig config;
  std::vector<std::string> diff_ids;  // lowest first
  std::optional<int64_t> uid;
  std::string username;
};
// An image without layers gets one that is empty, for its containers to stand on.
// Refuses a config of another platform, one whose USER is out of range, and one with too many layers.
Result<ParsedConfig> ParseConfig(std::string_view bytes, const Platform& platform, const DocumentLimits& limits = {});

// manifest.json of a docker archive: `path` of each descriptor is set. With the tags of each image.
struct ArchivedImage {
  Manifest manifest;
  std::vector<std::string> tags;
};
Result<std::vector<ArchivedImage>> ParseDockerArchive(std::string_view bytes, const DocumentLimits& limits = {});

// The chain id of each layer: what is below it is part of it.
std::vector<std::string> ChainIds(const std::vector<std::string>& diff_ids);
// The archive of the layer that an image without layers gets.
std::string EmptyLayer();
// "sha256:..." of the bytes.
std::string DigestOf(std::string_view bytes);

}  // namespace cradle::image
