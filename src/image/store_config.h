// What an ImageStore is opened with.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "image/limits.h"
#include "unpack/limits.h"

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
  DocumentLimits document_limits;
  unpack::Limits layer_limits;
  std::string additional_dir;                        // another store, read only, whose images are here too; empty: none
};

}  // namespace cradle::image
