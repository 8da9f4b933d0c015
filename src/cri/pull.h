// Pulling, as both services do it.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "image/store.h"

namespace cradle::cri {

// Blocks. A pull that was stopped is CANCELLED. A registry that can't be reached is UNKNOWN with
// "RegistryUnavailable:" in front: the kubelet makes that the pod's reason, with this code only.
// What the registry warns of is logged.
Result<std::shared_ptr<const image::Image>> Pull(
    image::ImageStore& images, const std::string& reference, const image::Auth& auth,
    std::stop_token stop, std::function<void(const image::Progress&)> progress);

}  // namespace cradle::cri
