// ImageAccess: what the image verbs do with images: through a daemon, or (--offline) in a store that no daemon has open,
// to fill the disk of a node that hasn't started yet. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "ctl/verbs.h"

namespace cradle::ctl {

class Client;

struct ImageFacts {
  std::string id, config_json;
  std::vector<std::string> layer_dirs;  // topmost first
};
struct PrunedImages {
  std::vector<std::string> images;
  uint64_t bytes = 0;
};
struct ImageCheckup {
  uint64_t images = 0, layers = 0;
  std::vector<std::string> problems;
};

class ImageAccess {
 public:
  virtual ~ImageAccess() = default;
  virtual Result<ImageFacts> Look(const std::string& name) = 0;
  virtual Result<std::string> Pull(const PullOptions& options) = 0;  // the id
  // The names of what was imported, or its ids where it has none.
  virtual Result<std::vector<std::string>> Import(const std::string& path, const std::string& name) = 0;
  virtual Result<std::vector<std::string>> Export(const std::vector<std::string>& names, const std::string& path) = 0;
  virtual Result<> Tag(const std::string& name, const std::string& new_name) = 0;
  virtual Result<PrunedImages> Prune() = 0;
  virtual Result<ImageCheckup> Check(bool repair) = 0;
};

std::unique_ptr<ImageAccess> ImagesOf(Client& client);
// The root is locked against a daemon until the object goes; what was pulled is safe on the disk by then.
Result<std::unique_ptr<ImageAccess>> OfflineImages(const OfflineOptions& options);

}  // namespace cradle::ctl
