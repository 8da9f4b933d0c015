// The configuration's part about images and registries, for who opens the store: cradled, and cradlectl while there is none.
#pragma once

#include "config/config.h"
#include "image/store_config.h"

namespace cradle::config {

// Without the unpack program. Pure.
image::StoreConfig ImagesFrom(const Config& config);

}  // namespace cradle::config
