// ImageStore: the node's images. Content by digest, layers unpacked by chain id, presence under the final name is the
// commit; the index (names to ids) is rebuilt from what is on disk at Open. Layout below `dir`:
//
//   content/sha256/<hex>       manifests, configs (compressed layers are not kept)
//   layers/<chain hex>/fs      an unpacked layer; layers/<chain hex>/size: bytes, inodes
//   images/<id hex>.json       {names, repo digests, manifest, config, layers}: small, rewritten by rename
//   tmp/                       half-made things; emptied at Open
//
// Reads come from memory and never wait for a pull. A layer goes when its last image and its last user (a container)
// are gone. Thread safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"

namespace cradle::image {

// The part of the image's config that a container is made from. Chosen by the image: hostile.
struct ImageConfig {
  std::vector<std::string> entrypoint, cmd, env;
  std::string working_dir, user, stop_signal;
  std::vector<std::string> volumes;
  std::map<std::string, std::string> labels;
};

struct Image {
  std::string id;                          // "sha256:<config digest>"
  std::vector<std::string> repo_tags;      // "registry.k8s.io/pause:3.9", sorted
  std::vector<std::string> repo_digests;   // "registry.k8s.io/pause@sha256:..." of what the reference resolved to
  uint64_t size = 0;                       // unpacked bytes plus documents; never 0
  bool pinned = false;
  std::optional<int64_t> uid;              // numeric USER
  std::string username;                    // else its name; group part dropped
  ImageConfig config;
  std::string config_json;                 // whole document, for verbose info
  std::vector<std::string> layer_dirs;     // host paths of layers/<chain>/fs, topmost first
};

struct Auth {
  std::string username, password, auth, server_address, identity_token, registry_token;
};

struct Progress {
  std::string layer;     // digest
  std::string phase;     // "waiting", "downloading", "unpacking", "done", "exists"
  uint64_t done = 0, total = 0;
};

struct FsUsage {
  std::string mountpoint;  // the store's directory
  uint64_t bytes = 0, inodes = 0;
};

struct StoreConfig {
  std::string dir;                                   // `<root>/images`
  std::string registry_config_path = "/etc/cradle/certs.d";
  std::string unpack_program;                        // libexec/cradle/cradle-unpack
  int max_parallel_layers = 3;                       // per pull
  uint64_t max_layer_bytes = uint64_t{64} << 30;     // of one layer, unpacked
  uint64_t max_layer_entries = 2'000'000;            // of one layer
};

class ImageStore {
 public:
  // Never fails because of what a file holds: broken images are dropped. The process ignores SIGPIPE from then on.
  static Result<std::unique_ptr<ImageStore>> Open(StoreConfig config);
  virtual ~ImageStore() = default;
  // What Open dropped and why, one sentence each, for the log. Layers that no image and no container of a Reacquire
  // uses are removed by DropUnused: call it once, when the recorded containers are known; until then no layer goes.
  virtual const std::vector<std::string>& warnings() const = 0;
  virtual void DropUnused() = 0;

  virtual std::vector<std::shared_ptr<const Image>> List() const = 0;
  // By any reference CRI may use: id (with or without "sha256:", a unique prefix of at least 6 digits of it), tag
  // (normalised: "busybox" is docker.io/library/busybox:latest), digest. Null: no such image. An error: no reference.
  virtual Result<std::shared_ptr<const Image>> Find(const std::string& reference) const = 0;

  // Pulls (or finds that nothing is missing) and tags. `stop` cancels: nothing of the pull remains. Blocks.
  virtual Result<std::shared_ptr<const Image>> Pull(const std::string& reference, const Auth& auth, std::stop_token stop,
                                                    std::function<void(const Progress&)> progress) = 0;
  // An OCI layout (directory or tar) or a docker archive (tar). `name`: for an image that brings none, else empty.
  virtual Result<std::vector<std::shared_ptr<const Image>>> Import(const std::string& host_path,
                                                                   const std::string& name) = 0;
  // Removes the image with all its names; a missing one is fine. Gone from List when it returns.
  virtual Result<> Remove(const std::string& reference) = 0;

  // A container uses the image's layers until Release: they stay, whatever is removed. Returns the image.
  virtual Result<std::shared_ptr<const Image>> Acquire(const std::string& reference, const std::string& container_id) = 0;
  // After a restart: the layer directories a recorded container was made of. Missing ones are an error.
  virtual Result<> Reacquire(const std::vector<std::string>& layer_dirs, const std::string& container_id) = 0;
  virtual void Release(const std::string& container_id) = 0;

  virtual FsUsage Usage() const = 0;  // from memory
};

}  // namespace cradle::image
