#include "cri/pull.h"

#include "base/log.h"
#include "cri/check.h"

namespace cradle::cri {

Result<std::shared_ptr<const image::Image>> Pull(
    image::ImageStore& images, const std::string& reference, const image::Auth& auth,
    std::stop_token stop, std::function<void(const image::Progress&)> progress) {
  auto tell = [&](const image::Progress& news) {
    if (!news.warning.empty()) log::Warning(Cat("PullImage ", Quoted(reference), ": the registry says: ", news.warning));
    if (progress) progress(news);
  };
  if (stop.stop_requested()) return Error(Code::kCancelled, "the client has gone");
  auto image = images.Pull(reference, auth, stop, tell);
  if (image.ok()) return image;
  if (stop.stop_requested()) return std::move(image.error()).As(Code::kCancelled);
  if (image.error().code() != Code::kUnavailable) return image;
  return std::move(image.error()).With("RegistryUnavailable").As(Code::kUnknown);
}

}  // namespace cradle::cri
