// Catalog: the names of the node's images, in memory. Every name belongs to one image; some names pin theirs. Thread safe;
// nothing here waits.
#pragma once

#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/store.h"

namespace cradle::image {

class Catalog {
 public:
  using ImagePtr = std::shared_ptr<const Image>;

  // `pinned`: names or patterns (fnmatch(3)) that pin an image.
  explicit Catalog(std::vector<std::string> pinned = {}) : pinned_(std::move(pinned)) {}

  std::vector<ImagePtr> List() const;
  // As ImageStore::Find.
  Result<ImagePtr> Find(const std::string& reference) const;
  ImagePtr ById(const std::string& id) const;

  // Adds the image, or replaces the one of that id. Names that another image had move here; returns those images as
  // they are now.
  std::vector<ImagePtr> Put(std::shared_ptr<Image> image);
  void Remove(const std::string& id);

 private:
  using Names = std::map<std::string, std::string>;  // name -> id

  bool IsPinned(const Image& image) const;
  Result<ImagePtr> FindByDigits(std::string_view digits) const;
  void Forget(const Image& image);
  void Take(Names& names, const std::vector<std::string>& wanted, const std::string& id,
            std::vector<std::string> Image::*member, std::vector<ImagePtr>& changed);

  const std::vector<std::string> pinned_;
  mutable std::shared_mutex mutex_;
  std::map<std::string, ImagePtr> images_;  // by id
  Names tags_, digests_;
};

}  // namespace cradle::image
