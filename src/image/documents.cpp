#include "image/documents.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/ids.h"
#include "image/json.h"
#include "unpack/sha256.h"

namespace cradle::image {
namespace {

constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr std::string_view kDockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr std::string_view kOciConfig = "application/vnd.oci.image.config.v1+json";
constexpr std::string_view kDockerConfig = "application/vnd.docker.container.image.v1+json";

constexpr size_t kMaxManifests = 10'000;
constexpr std::string_view kLayersKey = " (image.max_layers)";
constexpr uint64_t kMaxId = 0xfffffffe;

enum class Kind { kUnknown, kIndex, kManifest };

Kind KindOf(std::string_view media_type) {
  if (media_type == kOciIndex || media_type == kDockerIndex) return Kind::kIndex;
  if (media_type == kOciManifest || media_type == kDockerManifest) return Kind::kManifest;
  return Kind::kUnknown;
}

Result<Json> ParseHostile(std::string_view bytes, const DocumentLimits& limits) {
  return ParseJson(bytes, {limits.max_json_depth, " (image.max_json_depth)", true});
}

Result<Descriptor> ParseDescriptor(const Json& json) {
  TRYV(CheckKeys(json, {"mediaType", "digest", "size", "annotations", "platform"}));
  Descriptor out;
  out.media_type = TRY(StringMember(json, "mediaType"));
  out.digest = TRY(StringMember(json, "digest"));
  out.size = TRY(NumberMember(json, "size"));
  out.annotations = TRY(StringMapMember(json, "annotations"));
  const Json& platform = Member(json, "platform");
  TRYV(CheckKeys(platform, {"os", "architecture", "variant"}));
  out.os = TRY(StringMember(platform, "os"));
  out.architecture = TRY(StringMember(platform, "architecture"));
  out.variant = TRY(StringMember(platform, "variant"));
  if (!IsSha256Digest(out.digest)) return InvalidArgument("a descriptor without a SHA-256 digest");
  return out;
}

Result<std::vector<Descriptor>> ParseDescriptors(const Json& json, const char* key, size_t limit,
                                                 std::string_view note = {}) {
  const Json& list = Member(json, key);
  if (!list.is_array()) return InvalidArgument(Cat("\"", key, "\" is no list"));
  if (list.size() > limit)
    return InvalidArgument(Cat("\"", key, "\" has more than the limit of ", std::to_string(limit), " entries", note));
  std::vector<Descriptor> out;
  for (const Json& item : list) out.push_back(TRY(ParseDescriptor(item)));
  return out;
}

Result<Document> ParseManifest(const Json& json, const DocumentLimits& limits) {
  Manifest manifest;
  manifest.config = TRY(ParseDescriptor(Member(json, "config")).With("config"));
  manifest.layers = TRY(ParseDescriptors(json, "layers", limits.max_layers, kLayersKey));
  const std::string& type = manifest.config.media_type;
  if (type != kOciConfig && type != kDockerConfig)
    return FailedPrecondition(Cat("this is an artifact of type \"", type.substr(0, 100), "\", not a container image"));
  return Document(std::move(manifest));
}

int VariantLevel(std::string_view variant) {
  if (variant.empty()) return 1;
  if (variant.size() == 2 && variant[0] == 'v' && variant[1] >= '1' && variant[1] <= '9') return variant[1] - '0';
  return 0;
}

// How well an entry fits; 0: not at all.
int Fit(const Descriptor& entry, const Platform& platform) {
  if (entry.os != platform.os || entry.architecture != platform.architecture) return 0;
  if (entry.architecture == "arm64") return entry.variant.empty() || entry.variant == "v8" ? 1 : 0;
  int level = VariantLevel(entry.variant);
  return level <= platform.level ? level : 0;
}

// "1003:1004" is user 1003. Digits are always a number, never looked up as a name.
Result<> ParseUser(ParsedConfig& out) {
  std::string user = out.config.user.substr(0, out.config.user.find(':'));
  bool number = !user.empty() && user.find_first_not_of("0123456789") == std::string::npos;
  if (!number) {
    out.username = user;
    return {};
  }
  uint64_t uid = 0;
  auto [end, error] = std::from_chars(user.data(), user.data() + user.size(), uid);
  if (error != std::errc() || uid > kMaxId) return InvalidArgument(Cat("USER ", user.substr(0, 40), " is out of range"));
  out.uid = static_cast<int64_t>(uid);
  return {};
}

// An object whose keys are the values: {"/data": {}}.
std::vector<std::string> Keys(const Json& object) {
  std::vector<std::string> out;
  if (object.is_object())
    for (const auto& [key, value] : object.items()) out.push_back(key);
  return out;
}

}  // namespace

std::string AcceptedDocuments() {
  return Cat(kOciIndex, ", ", kDockerIndex, ", ", kOciManifest, ", ", kDockerManifest, ", */*");
}

Result<Document> ParseDocument(std::string_view bytes, std::string_view media_type, const DocumentLimits& limits) {
  Json json = TRY(ParseHostile(bytes, limits));
  TRYV(CheckKeys(json, {"schemaVersion", "mediaType", "manifests", "config", "layers", "fsLayers"}));
  bool index = json.contains("manifests");
  bool manifest = json.contains("config") || json.contains("layers");
  if (json.contains("fsLayers") || Member(json, "schemaVersion") == 1)
    return FailedPrecondition("Docker's manifest schema 1 is not supported: the image must be pushed again by a current tool");
  if (index && manifest) return InvalidArgument("the document could be an index or a manifest");
  if (!index && !manifest) return InvalidArgument("the document is neither an index nor a manifest");
  Kind kind = index ? Kind::kIndex : Kind::kManifest;
  std::string own_type = TRY(StringMember(json, "mediaType"));
  for (std::string_view stated : {std::string_view(own_type), media_type.substr(0, media_type.find(';'))})
    if (KindOf(stated) != Kind::kUnknown && KindOf(stated) != kind)
      return InvalidArgument(Cat("the document is not the ", stated, " that it is called"));
  if (kind == Kind::kManifest) return ParseManifest(json, limits);
  return Document(Index{TRY(ParseDescriptors(json, "manifests", kMaxManifests))});
}

Platform HostPlatform() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  int level = __builtin_cpu_supports("x86-64-v4")   ? 4
              : __builtin_cpu_supports("x86-64-v3") ? 3
              : __builtin_cpu_supports("x86-64-v2") ? 2
                                                    : 1;
  return {"linux", "amd64", level};
#elif defined(__aarch64__)
  return {"linux", "arm64", 1};
#else
#error "name this architecture as GOARCH does"
#endif
}

Result<Descriptor> SelectPlatform(const Index& index, const Platform& platform) {
  const Descriptor* best = nullptr;
  int best_fit = 0;
  for (const Descriptor& entry : index.manifests) {
    if (int fit = Fit(entry, platform); fit > best_fit) {
      best = &entry;
      best_fit = fit;
    }
  }
  if (best) return *best;
  // Layouts and nested indexes often state no platform; the config is checked later.
  for (const Descriptor& entry : index.manifests)
    if (entry.os.empty() && entry.architecture.empty()) return entry;
  return NotFound(Cat("no image for ", platform.os, "/", platform.architecture, " in the index"));
}

Result<ParsedConfig> ParseConfig(std::string_view bytes, const Platform& platform, const DocumentLimits& limits) {
  Json json = TRY(ParseHostile(bytes, limits));
  TRYV(CheckKeys(json, {"os", "architecture", "rootfs", "config"}));
  std::string os = TRY(StringMember(json, "os")), architecture = TRY(StringMember(json, "architecture"));
  if ((!os.empty() && os != platform.os) || (!architecture.empty() && architecture != platform.architecture))
    return FailedPrecondition(Cat("the image is for ", os.substr(0, 40), "/", architecture.substr(0, 40), ", this node is ",
                                  platform.os, "/", platform.architecture));
  ParsedConfig out;
  const Json& rootfs = Member(json, "rootfs");
  TRYV(CheckKeys(rootfs, {"diff_ids"}));
  out.diff_ids = TRY(StringsMember(rootfs, "diff_ids"));
  if (out.diff_ids.size() > limits.max_layers)
    return InvalidArgument(Cat("more than the limit of ", std::to_string(limits.max_layers), " layers", kLayersKey));
  for (const std::string& id : out.diff_ids)
    if (!IsSha256Digest(id)) return InvalidArgument("a diff id that is no SHA-256 digest");
  if (out.diff_ids.empty()) out.diff_ids.push_back(DigestOf(EmptyLayer()));
  const Json& config = Member(json, "config");
  TRYV(CheckKeys(config, {"Entrypoint", "Cmd", "Env", "WorkingDir", "User", "StopSignal", "Labels", "Volumes"}));
  out.config.entrypoint = TRY(StringsMember(config, "Entrypoint"));
  out.config.cmd = TRY(StringsMember(config, "Cmd"));
  out.config.env = TRY(StringsMember(config, "Env"));
  out.config.working_dir = TRY(StringMember(config, "WorkingDir"));
  out.config.user = TRY(StringMember(config, "User"));
  out.config.stop_signal = TRY(StringMember(config, "StopSignal"));
  out.config.labels = TRY(StringMapMember(config, "Labels"));
  out.config.volumes = Keys(Member(config, "Volumes"));
  TRYV(ParseUser(out));
  return out;
}

Result<std::vector<ArchivedImage>> ParseDockerArchive(std::string_view bytes, const DocumentLimits& limits) {
  Json json = TRY(ParseHostile(bytes, limits));
  if (!json.is_array()) return InvalidArgument("manifest.json is no list");
  std::vector<ArchivedImage> out;
  for (const Json& item : json) {
    TRYV(CheckKeys(item, {"Config", "RepoTags", "Layers"}));
    ArchivedImage image;
    image.manifest.config.path = TRY(StringMember(item, "Config"));
    image.tags = TRY(StringsMember(item, "RepoTags"));
    for (std::string& path : TRY(StringsMember(item, "Layers")))
      image.manifest.layers.emplace_back().path = std::move(path);
    if (image.manifest.config.path.empty()) return InvalidArgument("an image without a config in manifest.json");
    out.push_back(std::move(image));
  }
  return out;
}

std::string EmptyLayer() { return std::string(1024, '\0'); }

std::string DigestOf(std::string_view bytes) {
  unpack::Sha256 hash;
  hash.Update(bytes);
  return hash.Digest();
}

std::vector<std::string> ChainIds(const std::vector<std::string>& diff_ids) {
  std::vector<std::string> chain;
  for (const std::string& diff : diff_ids)
    chain.push_back(chain.empty() ? diff : DigestOf(Cat(chain.back(), " ", diff)));
  return chain;
}

}  // namespace cradle::image
