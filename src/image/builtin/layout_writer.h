// An OCI layout on disk: made for the built-in image and for tests.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace cradle::image {

struct LayoutImage {
  std::string name;                 // full reference; empty: none
  std::vector<std::string> layers;  // blobs, lowest first; gzip where they begin like it
  std::vector<std::string> diff_ids;  // of the layers; empty: they are plain tars
  std::vector<std::string> env, cmd;
  std::string user;
  std::vector<std::string> volumes;
  std::map<std::string, std::string> labels;
};

// The documents of an image as bytes: for a layout or a registry.
struct LayoutDocuments {
  std::string config, manifest, index;
};
LayoutDocuments MakeDocuments(const LayoutImage& image);

// Writes the layout into `dir` (made if missing; its content replaced).
Result<> WriteLayout(const std::string& dir, const LayoutImage& image);

}  // namespace cradle::image
