#include "base/tree_size.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <set>
#include <string>
#include <vector>

#include "base/sys/file.h"

namespace cradle {

Result<TreeSize> MeasureTree(FdRef dir) {
  TreeSize size;
  std::set<ino_t> linked;
  auto add = [&](const struct stat& info) {
    size.bytes += static_cast<uint64_t>(info.st_blocks) * 512;
    ++size.inodes;
  };
  add(TRY(sys::Fstat(dir)));
  std::vector<std::string> folders = {"."};
  while (!folders.empty()) {
    std::string path = std::move(folders.back());
    folders.pop_back();
    UniqueFd folder = TRY(sys::OpenBeneath(dir, path, O_RDONLY | O_DIRECTORY));
    for (const std::string& name : TRY(sys::ListDir(folder))) {
      struct stat info = TRY(sys::FstatAt(folder, name, AT_SYMLINK_NOFOLLOW));
      if (S_ISDIR(info.st_mode)) folders.push_back(Cat(path, "/", name));
      else if (info.st_nlink > 1 && !linked.insert(info.st_ino).second) continue;
      add(info);
    }
  }
  return size;
}

}  // namespace cradle
