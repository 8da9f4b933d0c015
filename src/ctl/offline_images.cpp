#include <fcntl.h>
#include <sys/file.h>

#include "base/sys/file.h"
#include "base/sys/process.h"
#include "config/images.h"
#include "ctl/image_access.h"
#include "ctl/progress.h"
#include "ctl/terminal.h"
#include "image/store.h"

namespace cradle::ctl {
namespace {

std::vector<std::string> NamesOf(const image::Image& image) {
  return image.repo_tags.empty() ? std::vector{image.id} : image.repo_tags;
}

class OfflineStore : public ImageAccess {
 public:
  OfflineStore(UniqueFd lock, std::unique_ptr<image::ImageStore> store)
      : lock_(std::move(lock)), store_(std::move(store)) {}

  Result<ImageFacts> Look(const std::string& name) override {
    auto image = TRY(store_->Find(name));
    if (!image) return NotFound(Cat("image \"", name, "\" is not there"));
    return ImageFacts{image->id, image->config_json, image->layer_dirs};
  }
  Result<std::string> Pull(const PullOptions& options) override {
    image::Auth auth;
    size_t colon = options.credentials.find(':');
    auth.username = options.credentials.substr(0, colon);
    if (colon != std::string::npos) auth.password = options.credentials.substr(colon + 1);
    ProgressLines lines = ProgressLines::OnStandardError();
    auto image = TRY(store_->Pull(options.image, auth, {}, [&](const image::Progress& news) {
      if (!news.warning.empty()) lines.Warn(news.warning);
      if (!news.layer.empty()) lines.Tell({news.layer, news.phase, news.done, news.total});
    }));
    TRYV(store_->Flush());
    return image->id;
  }
  Result<std::vector<std::string>> Import(const std::string& path, const std::string& name) override {
    std::vector<std::string> names;
    for (const auto& image : TRY(store_->Import(path, name)))
      for (std::string& one : NamesOf(*image)) names.push_back(std::move(one));
    TRYV(store_->Flush());
    return names;
  }
  Result<std::vector<std::string>> Export(const std::vector<std::string>& names, const std::string& path) override {
    return store_->Export(names, path);
  }
  Result<> Tag(const std::string& name, const std::string& new_name) override {
    TRY(store_->Tag(name, new_name));
    return {};
  }
  Result<PrunedImages> Prune() override {
    // Whose containers exist is written in the node's records, which nobody has read.
    return FailedPrecondition("without the daemon nobody knows which images are in use: prune works online only");
  }
  Result<ImageCheckup> Check(bool repair) override {
    auto checkup = store_->Check(repair ? image::Repair::kYes : image::Repair::kNo);
    return ImageCheckup{checkup.images, checkup.layers, std::move(checkup.problems)};
  }

 private:
  const UniqueFd lock_;
  const std::unique_ptr<image::ImageStore> store_;
};

// As the daemon of the node to be would have it, but standing on no other store: this may be the one that others stand on.
Result<image::StoreConfig> ConfigOf(const OfflineOptions& options) {
  config::Config node;
  bool named = !options.config_file.empty();
  TRYV(config::ReadConfig(named ? options.config_file : config::kConfigFile, named, node));
  node.root = options.root;
  node.image_additional_store.clear();
  if (!options.registry_config.empty()) node.registry_config_path = options.registry_config;
  if (!options.credentials.empty()) node.registry_credentials = options.credentials;
  if (options.keep_blobs) node.image_keep_blobs = true;
  TRYV(config::CheckConfig(node));
  return config::ImagesFrom(node);
}

}  // namespace

Result<std::unique_ptr<ImageAccess>> OfflineImages(const OfflineOptions& options) {
  const std::string& root = options.root;
  TRYV(sys::MakeDirs(root, 0700));
  UniqueFd lock = TRY(sys::OpenAt(kCwd, root + "/lock", O_RDWR | O_CREAT, 0600));
  if (!sys::Flock(lock, LOCK_EX | LOCK_NB).ok()) return FailedPrecondition(Cat("a cradled uses ", root));
  std::string self = TRY(sys::SelfExe());
  std::string bin = self.substr(0, self.rfind('/'));
  image::StoreConfig config = TRY(ConfigOf(options).With("configuration"));
  config.unpack_program = bin.substr(0, bin.rfind('/')) + "/libexec/cradle/cradle-unpack";
  auto store = TRY(image::ImageStore::Open(config));
  for (const std::string& warning : store->warnings()) PrintError(Cat("warning: ", warning, "\n"));
  return std::unique_ptr<ImageAccess>(std::make_unique<OfflineStore>(std::move(lock), std::move(store)));
}

}  // namespace cradle::ctl
