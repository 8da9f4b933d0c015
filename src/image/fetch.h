// FetchLayers: makes all layers of a manifest present, several at a time, lowest first. Each one goes from its source
// through cradle-unpack into a directory of its own; digest and diff id are checked before it is committed. The first
// failure stops the others. What others are making already is waited for. Blocks; the caller's thread works too.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/layers.h"
#include "image/slots.h"
#include "image/source.h"
#include "image/store.h"

namespace cradle::image {

using ProgressSink = std::function<void(const Progress&)>;

// What all pulls of a store have in common.
struct FetchPlace {
  const StoreConfig& config;
  Layers& layers;
  DownloadSlots& slots;
};

// Holds on all layers, lowest first. `diff_ids` as in the config; as many as there are layers. `progress` may be empty;
// it is called by several threads.
Result<std::vector<LayerHold>> FetchLayers(const FetchPlace& place, Source& source,
                                           const std::vector<Descriptor>& descriptors,
                                           const std::vector<std::string>& diff_ids, std::stop_token stop,
                                           const ProgressSink& progress);

}  // namespace cradle::image
