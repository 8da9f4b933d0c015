// Lowers: the layers below the one that is being unpacked, topmost first, read-only. Needed only by the few archives
// that leave out parent folders or link to files of lower layers, so they are asked for when the first of those comes;
// the asking may block until the layers below are complete. One thread.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace cradle::unpack {

class Lowers {
 public:
  using Ask = std::function<Result<std::vector<UniqueFd>>()>;
  explicit Lowers(Ask ask) : ask_(std::move(ask)) {}

  struct Found {
    FdRef layer;
    struct stat info;
  };
  // What a container would see at `path` (no links on the way) without the new layer. A folder hidden by an opaque one
  // above it is found all the same: that mark can't be read without CAP_SYS_ADMIN, and only metadata come from it.
  Result<std::optional<Found>> Find(const std::string& path);
  // Names in the layers' roots.
  Result<std::vector<std::string>> RootNames();

 private:
  Result<> Load();

  Ask ask_;
  bool loaded_ = false;
  std::vector<UniqueFd> layers_;
};

}  // namespace cradle::unpack
