#include "config/images.h"

#include "base/clock.h"

namespace cradle::config {
namespace {

void SetLimits(const Config& config, image::StoreConfig& images) {
  auto& documents = images.document_limits;
  documents.manifest.bytes = static_cast<size_t>(config.image_max_manifest_bytes);
  documents.config.bytes = static_cast<size_t>(config.image_max_config_bytes);
  documents.max_json_depth = static_cast<int>(config.image_max_json_depth);
  documents.max_layers = static_cast<size_t>(config.image_max_layers);
  auto& layers = images.layer_limits;
  layers.max_bytes = static_cast<uint64_t>(config.image_max_layer_bytes);
  layers.max_entries = static_cast<uint64_t>(config.image_max_layer_entries);
  layers.max_extents = static_cast<uint64_t>(config.image_max_layer_extents);
  layers.max_header_bytes = static_cast<uint64_t>(config.image_max_layer_header_bytes);
  layers.max_memory = static_cast<uint64_t>(config.image_max_layer_memory_bytes);
  layers.max_name_bytes = static_cast<uint64_t>(config.image_max_layer_name_bytes);
  layers.max_ratio = static_cast<uint64_t>(config.image_max_layer_ratio);
}

}  // namespace

image::StoreConfig ImagesFrom(const Config& config) {
  image::StoreConfig images;
  images.dir = config.root + "/images";
  images.registry_config_path = config.registry_config_path;
  if (!config.image_additional_store.empty()) images.additional_dir = config.image_additional_store + "/images";
  images.keep_blobs = config.image_keep_blobs;
  SetLimits(config, images);
  images.max_parallel_in_all = static_cast<int>(config.image_parallel_downloads);
  images.max_parallel_of_registry = static_cast<int>(config.registry_parallel_downloads);
  images.pinned = config.image_pinned;
  images.credentials_file = config.registry_credentials;
  images.stall_timeout = seconds(config.registry_stall_seconds);
  images.max_parallel_layers = static_cast<int>(config.image_parallel_layers);
  return images;
}

}  // namespace cradle::config
