#include "image/catalog.h"

#include <fnmatch.h>

#include <algorithm>
#include <mutex>

#include "image/reference.h"

namespace cradle::image {

std::vector<Catalog::ImagePtr> Catalog::List() const {
  std::shared_lock lock(mutex_);
  std::vector<ImagePtr> out;
  out.reserve(images_.size());
  for (const auto& [id, image] : images_) out.push_back(image);
  return out;
}

Catalog::ImagePtr Catalog::ById(const std::string& id) const {
  std::shared_lock lock(mutex_);
  auto found = images_.find(id);
  return found == images_.end() ? nullptr : found->second;
}

Result<Catalog::ImagePtr> Catalog::FindByDigits(std::string_view digits) const {
  std::string prefix = Cat("sha256:", digits);
  std::shared_lock lock(mutex_);
  auto found = images_.lower_bound(prefix);
  if (found == images_.end() || !found->first.starts_with(prefix)) return ImagePtr();
  auto next = std::next(found);
  if (next != images_.end() && next->first.starts_with(prefix))
    return InvalidArgument(Cat("image id ", digits, " is the beginning of several ids"));
  return found->second;
}

Result<Catalog::ImagePtr> Catalog::Find(const std::string& text) const {
  std::string_view digits = IdDigits(text);
  if (!digits.empty() && (text.starts_with("sha256:") || digits.size() == 64)) return FindByDigits(digits);
  auto reference = ParseReference(text);
  if (!reference.ok()) return std::move(reference.error());
  {
    std::shared_lock lock(mutex_);
    const Names& names = reference->digest.empty() ? tags_ : digests_;
    if (auto found = names.find(reference->str()); found != names.end()) return images_.at(found->second);
  }
  if (!digits.empty()) return FindByDigits(digits);
  return ImagePtr();
}

bool Catalog::IsPinned(const Image& image) const {
  return std::any_of(pinned_.begin(), pinned_.end(), [&](const std::string& pattern) {
    auto matches = [&](const std::string& name) { return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0; };
    return std::any_of(image.repo_tags.begin(), image.repo_tags.end(), matches) ||
           std::any_of(image.repo_digests.begin(), image.repo_digests.end(), matches);
  });
}

// The names of `wanted` now belong to `id`; images that had them lose them.
void Catalog::Take(Names& names, const std::vector<std::string>& wanted, const std::string& id,
                   std::vector<std::string> Image::*member, std::vector<ImagePtr>& changed) {
  for (const std::string& name : wanted) {
    auto [at, is_new] = names.insert({name, id});
    if (is_new || at->second == id) continue;
    auto image = std::make_shared<Image>(*images_.at(at->second));
    std::erase(*image.*member, name);
    if (image->pinned && !pinned_.empty()) image->pinned = IsPinned(*image);
    images_[image->id] = image;
    std::erase_if(changed, [&](const ImagePtr& other) { return other->id == image->id; });
    changed.push_back(image);
    at->second = id;
  }
}

void Catalog::Forget(const Image& image) {
  for (const std::string& tag : image.repo_tags) tags_.erase(tag);
  for (const std::string& digest : image.repo_digests) digests_.erase(digest);
}

std::vector<Catalog::ImagePtr> Catalog::Put(std::shared_ptr<Image> image) {
  image->pinned |= IsPinned(*image);
  std::lock_guard lock(mutex_);
  std::vector<ImagePtr> changed;
  if (auto old = images_.find(image->id); old != images_.end()) Forget(*old->second);
  images_[image->id] = image;
  Take(tags_, image->repo_tags, image->id, &Image::repo_tags, changed);
  Take(digests_, image->repo_digests, image->id, &Image::repo_digests, changed);
  return changed;
}

void Catalog::Remove(const std::string& id) {
  std::lock_guard lock(mutex_);
  auto found = images_.find(id);
  if (found == images_.end()) return;
  Forget(*found->second);
  images_.erase(found);
}

}  // namespace cradle::image
