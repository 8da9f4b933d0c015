// The images of another store, which is only read: baked into the node's own image, or shared. Its layers are used where
// they are; nobody counts who holds them, so it mustn't change while a node uses it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "image/store.h"

namespace cradle::image {

struct AdditionalImages {
  std::vector<std::shared_ptr<Image>> images;  // pinned
  std::vector<std::string> warnings;           // what was left out, and why
};
AdditionalImages ReadAdditional(const std::string& store_dir);

}  // namespace cradle::image
