// An Image from what a store has on disk about it. Pure.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "image/documents.h"
#include "image/record.h"
#include "image/store.h"

namespace cradle::image {

struct LayerPlace {
  std::string fs_dir;
  uint64_t bytes = 0;
};
// `layers`: lowest first.
std::shared_ptr<Image> BuildImage(const Record& record, const std::string& config_json, const ParsedConfig& config,
                                  const std::vector<LayerPlace>& layers);

}  // namespace cradle::image
