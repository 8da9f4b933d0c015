#include "image/build_image.h"

namespace cradle::image {

std::shared_ptr<Image> BuildImage(const Record& record, const std::string& config_json, const ParsedConfig& config,
                                  const std::vector<LayerPlace>& layers) {
  auto image = std::make_shared<Image>();
  image->id = record.id;
  image->repo_tags = record.tags;
  image->repo_digests = record.digests;
  image->size = config_json.size();
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    image->layer_dirs.push_back(layer->fs_dir);
    image->size += layer->bytes;
  }
  image->uid = config.uid;
  image->username = config.username;
  image->config = config.config;
  image->config_json = config_json;
  return image;
}

}  // namespace cradle::image
