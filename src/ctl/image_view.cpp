#include "ctl/image_view.h"

#include <fcntl.h>

#include "base/sys/file.h"

namespace cradle::ctl {
namespace {

bool IsWhiteout(const struct stat& info) { return S_ISCHR(info.st_mode) && info.st_rdev == 0; }

void EraseBelow(ImageView& view, const std::string& path) {
  std::string prefix = path + "/";
  auto at = view.lower_bound(prefix);
  while (at != view.end() && at->first.starts_with(prefix)) at = view.erase(at);
}

Result<> AddName(ImageView& view, FdRef folder, const std::string& name, const std::string& path) {
  FileFacts facts;
  facts.info = TRY(sys::FstatAt(folder, name, AT_SYMLINK_NOFOLLOW));
  if (S_ISLNK(facts.info.st_mode)) facts.target = TRY(sys::ReadlinkAt(folder, name));
  auto below = view.find(path);
  bool merges = S_ISDIR(facts.info.st_mode) && below != view.end() && S_ISDIR(below->second.info.st_mode);
  if (!merges) EraseBelow(view, path);
  if (IsWhiteout(facts.info)) view.erase(path);
  else view[path] = std::move(facts);
  return {};
}

Result<> AddLayer(ImageView& view, const std::string& dir) {
  UniqueFd root = TRY(sys::OpenAt(kCwd, dir, O_RDONLY | O_DIRECTORY));
  std::vector<std::string> folders = {""};
  while (!folders.empty()) {
    std::string path = std::move(folders.back());
    folders.pop_back();
    UniqueFd folder = TRY(sys::OpenBeneath(root, path.empty() ? "." : path, O_RDONLY | O_DIRECTORY));
    auto opaque = sys::GetXattr(folder, "trusted.overlay.opaque");
    if (opaque.ok() && *opaque == "y") EraseBelow(view, path);
    for (const std::string& name : TRY(sys::ListDir(folder))) {
      std::string child = path.empty() ? name : Cat(path, "/", name);
      TRYV(AddName(view, folder, name, child).With(child));
      if (auto found = view.find(child); found != view.end() && S_ISDIR(found->second.info.st_mode))
        folders.push_back(std::move(child));
    }
  }
  return {};
}

bool Same(const FileFacts& a, const FileFacts& b) {
  const struct stat &x = a.info, &y = b.info;
  if (x.st_dev == y.st_dev && x.st_ino == y.st_ino) return true;
  if (x.st_mode != y.st_mode || x.st_uid != y.st_uid || x.st_gid != y.st_gid || a.target != b.target) return false;
  if (S_ISDIR(x.st_mode)) return true;
  return x.st_size == y.st_size && x.st_rdev == y.st_rdev && x.st_mtim.tv_sec == y.st_mtim.tv_sec &&
         x.st_mtim.tv_nsec == y.st_mtim.tv_nsec;
}

}  // namespace

Result<ImageView> ReadImageView(const std::vector<std::string>& layer_dirs) {
  ImageView view;
  for (auto dir = layer_dirs.rbegin(); dir != layer_dirs.rend(); ++dir) TRYV(AddLayer(view, *dir).With(*dir));
  return view;
}

std::vector<std::string> CompareViews(const ImageView& from, const ImageView& to) {
  std::map<std::string, char> changes;
  for (const auto& [path, facts] : from) {
    auto now = to.find(path);
    if (now == to.end()) changes[path] = 'D';
    else if (!Same(facts, now->second)) changes[path] = 'C';
  }
  for (const auto& [path, facts] : to)
    if (!from.contains(path)) changes[path] = 'A';
  std::vector<std::string> out;
  for (const auto& [path, change] : changes) {
    size_t slash = path.rfind('/');
    auto folder = slash == std::string::npos ? changes.end() : changes.find(path.substr(0, slash));
    if (change != 'C' && folder != changes.end() && folder->second == change) continue;
    out.push_back(Cat(std::string(1, change), " ", path));
  }
  return out;
}

}  // namespace cradle::ctl
