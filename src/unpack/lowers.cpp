#include "unpack/lowers.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "base/sys/file.h"

namespace cradle::unpack {

Result<> Lowers::Load() {
  if (loaded_) return {};
  layers_ = TRY(ask_());
  loaded_ = true;
  return {};
}

Result<std::optional<Lowers::Found>> Lowers::Find(const std::string& path) {
  TRYV(Load());
  for (const UniqueFd& layer : layers_) {
    auto fd = sys::OpenBeneath(layer, path, O_PATH | O_NOFOLLOW);
    int failed = fd.ok() ? 0 : fd.error().err();
    // ENOTDIR, ELOOP: a file, whiteout or link stands on the way and hides what is below.
    if (failed == ENOTDIR) return std::optional<Found>();
    // O_PATH|O_NOFOLLOW gives a link itself, but RESOLVE_NO_SYMLINKS refuses it: look at it from its folder.
    if (failed == ELOOP) {
      size_t slash = path.rfind('/');
      std::string folder = slash == std::string::npos ? "." : path.substr(0, slash);
      auto parent = sys::OpenBeneath(layer, folder, O_PATH | O_DIRECTORY);
      if (!parent.ok()) return std::optional<Found>();
      struct stat info = TRY(sys::FstatAt(*parent, path.substr(slash + 1), AT_SYMLINK_NOFOLLOW));
      return std::optional<Found>({layer, info});
    }
    if (failed == ENOENT) continue;
    if (failed) return std::move(fd.error());
    struct stat info = TRY(sys::Fstat(*fd));
    if (S_ISCHR(info.st_mode) && info.st_rdev == 0) return std::optional<Found>();  // a whiteout
    return std::optional<Found>({layer, info});
  }
  return std::optional<Found>();
}

Result<std::vector<std::string>> Lowers::RootNames() {
  TRYV(Load());
  std::vector<std::string> names;
  for (const UniqueFd& layer : layers_)
    for (std::string& name : TRY(sys::ListDir(layer))) names.push_back(std::move(name));
  return names;
}

}  // namespace cradle::unpack
