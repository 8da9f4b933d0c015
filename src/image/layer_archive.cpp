#include "image/layer_archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/sys/file.h"
#include "base/sys/file_more.h"
#include "image/tar_header.h"

namespace cradle::image {
namespace {

constexpr size_t kChunk = 256 * 1024;

bool IsWhiteout(const struct stat& info) { return S_ISCHR(info.st_mode) && info.st_rdev == 0; }

char TypeOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFLNK: return '2';
    case S_IFCHR: return '3';
    case S_IFBLK: return '4';
    case S_IFDIR: return '5';
    case S_IFIFO: return '6';
    default: return '0';
  }
}

class LayerArchiver {
 public:
  LayerArchiver(FdRef root, const ByteSink& sink) : root_(root), sink_(sink) {}

  Result<> Run() {
    TRYV(AddFolder(root_, "."));
    folders_.push_back(".");
    while (!folders_.empty()) {
      std::string path = std::move(folders_.back());
      folders_.pop_back();
      TRYV(AddNamesOf(path).With(path));
    }
    return sink_(std::string(2 * kTarBlock, '\0'));
  }

 private:
  static TarEntry EntryOf(const std::string& path, const struct stat& info) {
    TarEntry entry;
    entry.path = path;
    entry.type = TypeOf(info.st_mode);
    entry.mode = info.st_mode & 07777;
    entry.uid = info.st_uid;
    entry.gid = info.st_gid;
    entry.mtime = info.st_mtim.tv_sec;
    if (info.st_mtim.tv_nsec != 0 && info.st_mtim.tv_sec >= 0) {
      std::string nanos = std::to_string(info.st_mtim.tv_nsec);
      entry.pax["mtime"] = Cat(std::to_string(info.st_mtim.tv_sec), ".", std::string(9 - nanos.size(), '0'), nanos);
    }
    if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) {
      entry.major = major(info.st_rdev);
      entry.minor = minor(info.st_rdev);
    }
    return entry;
  }

  static Result<> AddXattrs(FdRef fd, TarEntry& entry) {
    auto names = sys::ListXattr(fd);
    if (!names.ok()) return {};  // a file system that has none
    for (const std::string& name : *names)
      if (name == "security.capability" || name.starts_with("user."))
        entry.pax["SCHILY.xattr." + name] = TRY(sys::GetXattr(fd, name));
    return {};
  }

  Result<> Add(const TarEntry& entry) { return sink_(TarHeader(entry, 0)); }

  Result<> AddFolder(FdRef fd, const std::string& path) {
    TarEntry entry = EntryOf(path + "/", TRY(sys::Fstat(fd)));
    TRYV(AddXattrs(fd, entry));
    TRYV(Add(entry));
    auto opaque = sys::GetXattr(fd, "trusted.overlay.opaque");
    if (!opaque.ok() || *opaque != "y") return {};
    TarEntry mark;
    mark.path = path + "/.wh..wh..opq";
    return Add(mark);
  }

  Result<> AddFile(FdRef fd, TarEntry entry, uint64_t size) {
    TRYV(AddXattrs(fd, entry));
    TRYV(sink_(TarHeader(entry, size)));
    std::string buffer(kChunk, '\0');
    uint64_t left = size;
    while (left > 0) {
      size_t got = TRY(sys::Read(fd, buffer.data(), std::min<uint64_t>(left, buffer.size())));
      if (got == 0) return FailedPrecondition(Cat(entry.path, " changes while it is read"));
      TRYV(sink_(std::string_view(buffer).substr(0, got)));
      left -= got;
    }
    return sink_(std::string(TarFill(size), '\0'));
  }

  Result<> AddName(FdRef folder, const std::string& name, const std::string& path) {
    struct stat info = TRY(sys::FstatAt(folder, name, AT_SYMLINK_NOFOLLOW));
    if (IsWhiteout(info)) {
      TarEntry whiteout;
      whiteout.path = path.substr(0, path.size() - name.size()) + ".wh." + name;
      return Add(whiteout);
    }
    if (S_ISDIR(info.st_mode)) {
      folders_.push_back(path);
      UniqueFd fd = TRY(sys::OpenBeneath(folder, name, O_RDONLY | O_DIRECTORY));
      return AddFolder(fd, path);
    }
    TarEntry entry = EntryOf(path, info);
    if (info.st_nlink > 1) {
      auto [first, is_new] = linked_.insert({info.st_ino, path});
      if (!is_new) {
        entry.type = '1';
        entry.target = first->second;
        return Add(entry);
      }
    }
    if (S_ISLNK(info.st_mode)) entry.target = TRY(sys::ReadlinkAt(folder, name));
    if (!S_ISREG(info.st_mode)) return Add(entry);
    UniqueFd fd = TRY(sys::OpenBeneath(folder, name, O_RDONLY));
    return AddFile(fd, std::move(entry), static_cast<uint64_t>(info.st_size));
  }

  Result<> AddNamesOf(const std::string& path) {
    UniqueFd folder = TRY(sys::OpenBeneath(root_, path, O_RDONLY | O_DIRECTORY));
    std::vector<std::string> names = TRY(sys::ListDir(folder));
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) TRYV(AddName(folder, name, Cat(path, "/", name)));
    return {};
  }

  const FdRef root_;
  const ByteSink& sink_;
  std::vector<std::string> folders_;  // whose names come yet
  std::map<ino_t, std::string> linked_;
};

}  // namespace

Result<> ArchiveLayer(FdRef fs_dir, const ByteSink& sink) { return LayerArchiver(fs_dir, sink).Run(); }

}  // namespace cradle::image
