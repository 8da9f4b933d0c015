// ImageStore: the node's images. Content by digest, layers unpacked by chain id, presence under the final name is the
// commit; the index (names to ids) is rebuilt from what is on disk at Open. Layout below `dir`:
//
//   content/sha256/<hex>       manifests, configs
//   layers/<chain hex>/fs      an unpacked layer; beside it `size` (bytes, inodes), `durable` if it is safe on the disk, `blob` if kept
//   images/<id hex>.json       {names, repo digests, manifest, config, layers}: small, rewritten by rename
//   tmp/                       half-made things; emptied at Open
//   boot                       the boot that the store was last opened in
//
// Reads come from memory and never wait for a pull. A layer goes when its last image and its last user (a container)
// are gone. After a pull, the disk is synced in the background and the layers are marked; those that a crash of the machine
// found unmarked are dropped at the next Open. Thread safe.
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
  std::string layer;     // digest; empty with a warning
  std::string phase;     // "waiting", "downloading", "unpacking", "done", "exists"
  uint64_t done = 0, total = 0;
  std::string warning;   // what the registry wants people to read
};

struct FsUsage {
  std::string mountpoint;  // the store's directory
  uint64_t bytes = 0, inodes = 0;
};

struct StoreConfig;  // image/store_config.h

struct Pruned {
  std::vector<std::string> images;  // a name of each, or its id
  uint64_t bytes = 0;               // freed
};

enum class Repair { kNo, kYes };
struct Checkup {
  size_t images = 0, layers = 0;
  std::vector<std::string> problems;  // a sentence each; with repair: what was done about it
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

  // Pulls (or finds that nothing is missing) and tags. `stop` cancels: nothing of the pull remains. Blocks. `progress`
  // may be empty; it is called by several threads, one at a time.
  virtual Result<std::shared_ptr<const Image>> Pull(const std::string& reference, const Auth& auth, std::stop_token stop,
                                                    std::function<void(const Progress&)> progress) = 0;
  // An OCI layout (directory or tar) or a docker archive (tar). `name`: for an image that brings none, else empty.
  virtual Result<std::vector<std::shared_ptr<const Image>>> Import(const std::string& host_path,
                                                                   const std::string& name) = 0;
  // Writes images, by their names or ids, into an OCI layout in a tar, also readable as a docker archive; returns their
  // ids there. Images whose blobs were kept are written as they came; the layers of others are archived anew from their files,
  // with the same contents and metadata, but not the same digests and ids. A file that is there already is an error.
  virtual Result<std::vector<std::string>> Export(const std::vector<std::string>& references,
                                                  const std::string& host_path) = 0;
  // Gives the image one more name.
  virtual Result<std::shared_ptr<const Image>> Tag(const std::string& reference, const std::string& name) = 0;
  // Removes the images that no container uses and that aren't pinned.
  virtual Result<Pruned> Prune() = 0;
  // Compares records, documents and layers with what is on the disk: digests of documents, number of files in layers.
  // Repair writes lost records anew and removes images that can't be trusted, so that they are pulled again. Blocks.
  virtual Checkup Check(Repair repair) = 0;
  // Returns when the disk has everything for good: what happens in the background after every pull.
  virtual Result<> Flush() = 0;
  // Removes the image with all its names; a missing one is fine. Gone from List when it returns.
  virtual Result<> Remove(const std::string& reference) = 0;

  // A container uses the image's layers until Release: they stay, whatever is removed. Several images add up. Returns
  // the image.
  virtual Result<std::shared_ptr<const Image>> Acquire(const std::string& reference, const std::string& container_id) = 0;
  // After a restart: the layer directories a recorded container was made of. Missing ones are an error.
  virtual Result<> Reacquire(const std::vector<std::string>& layer_dirs, const std::string& container_id) = 0;
  virtual void Release(const std::string& container_id) = 0;

  virtual FsUsage Usage() const = 0;  // from memory, as du counts
};

}  // namespace cradle::image
