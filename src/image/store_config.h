// What an ImageStore is opened with.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace cradle::image {

struct StoreConfig {
  std::string dir;                                   // `<root>/images`
  std::string registry_config_path = "/etc/cradle/certs.d";
  std::string credentials_file;                      // docker's config.json; empty: none
  std::chrono::milliseconds stall_timeout = std::chrono::seconds(60);  // a download without a byte for so long is broken
  std::string unpack_program;                        // libexec/cradle/cradle-unpack
  int max_parallel_layers = 3;                       // per pull
  int max_parallel_of_registry = 8, max_parallel_in_all = 16;  // of all pulls
  std::vector<std::string> pinned;                   // names or patterns (fnmatch) of images that no clean-up removes
  std::string boot_id;                               // empty: this machine's
  bool keep_blobs = false;                           // layers also as they came: exports give the same images
  uint64_t max_layer_bytes = uint64_t{64} << 30;     // of one layer, unpacked
  uint64_t max_layer_entries = 2'000'000;            // of one layer
  uint64_t max_layer_ratio = 1000;                   // of one layer, unpacked to compressed
  std::string additional_dir;                        // another store, read only, whose images are here too; empty: none
};

}  // namespace cradle::image
