#include "unpack/tree.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <deque>

#include "base/sys/file.h"
#include "base/sys/file_more.h"
#include "base/tree_size.h"

namespace cradle::unpack {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kReserved = ".wh..wh.";  // aufs' own files

bool IsWhiteout(const struct stat& info) { return S_ISCHR(info.st_mode) && info.st_rdev == 0; }

uint64_t BytesOf(const struct stat& info) { return static_cast<uint64_t>(info.st_blocks) * 512; }

std::string Join(const std::string& folder, std::string_view name) {
  return folder.empty() ? std::string(name) : Cat(folder, "/", name);
}

std::deque<std::string> Split(std::string_view path) {
  std::deque<std::string> parts;
  while (!path.empty()) {
    size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0) parts.emplace_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return parts;
}

Result<UniqueFd> OpenFolder(FdRef root, const std::string& path) {
  return sys::OpenBeneath(root, path.empty() ? "." : path, O_PATH | O_DIRECTORY);
}

Result<std::string> ReadLink(FdRef layer, const std::string& folder_path, const std::string& name) {
  UniqueFd folder = TRY(OpenFolder(layer, folder_path));
  return sys::ReadlinkAt(folder, name);
}

// Only what an image may carry: file capabilities and user attributes; never the overlay's own marks.
bool IsWantedXattr(std::string_view name) {
  return name == "security.capability" || (name.starts_with("user.") && !name.starts_with("user.overlay."));
}

Result<> SetXattrs(FdRef fd, const Entry& entry) {
  for (const auto& [name, value] : entry.xattrs) {
    if (!IsWantedXattr(name)) continue;
    auto set = sys::SetXattr(fd, name, value);
    if (!set.ok() && set.error().err() != ENOTSUP) return set;
  }
  return {};
}

// The order matters: chown(2) clears setuid and security.capability.
Result<> SetMetadata(FdRef fd, const Entry& entry) {
  TRYV(sys::Fchown(fd, entry.uid, entry.gid));
  TRYV(SetXattrs(fd, entry));
  return sys::Fchmod(fd, entry.mode);
}

Result<> SetTimes(FdRef fd, timespec time) {
  const timespec times[2] = {time, time};
  return sys::Futimens(fd, times);
}

Result<> WriteAll(FdRef fd, const LayerTree::Data& data) {
  for (;;) {
    std::string_view bytes = TRY(data());
    if (bytes.empty()) return {};
    TRYV(sys::WriteAll(fd, bytes.data(), bytes.size()));
  }
}

// Piece by piece; the data come without regard to where one ends.
Result<> WriteSparse(FdRef fd, const Entry& entry, const LayerTree::Data& data) {
  std::string_view bytes;
  for (const Extent& extent : entry.extents) {
    for (uint64_t done = 0; done < extent.size;) {
      if (bytes.empty()) bytes = TRY(data());
      if (bytes.empty()) return InvalidArgument("a sparse file is cut");
      size_t part = std::min<uint64_t>(bytes.size(), extent.size - done);
      TRYV(sys::PwriteAll(fd, bytes.data(), part, static_cast<off_t>(extent.offset + done)));
      bytes.remove_prefix(part);
      done += part;
    }
  }
  return sys::Ftruncate(fd, static_cast<off_t>(entry.size));
}

Error TooLong(const Limits& limits, std::string_view what) {
  return {Code::kResourceExhausted, Cat(what, " longer than the limit of ", std::to_string(limits.max_name_bytes),
                                        " bytes (image.max_layer_name_bytes)")};
}

}  // namespace

Result<std::string> CleanPath(std::string_view raw, const Limits& limits) {
  if (raw.find('\0') != std::string_view::npos) return InvalidArgument("a name with a zero byte");
  std::vector<std::string> kept;
  size_t total = 0;
  for (std::string& part : Split(raw)) {
    if (part == ".") continue;
    if (part == "..") {
      if (!kept.empty()) kept.pop_back();
      continue;
    }
    if (part.size() > kMaxNameBytes)
      return InvalidArgument(Cat("a name longer than the limit of ", std::to_string(kMaxNameBytes), " bytes"));
    total += part.size() + 1;
    kept.push_back(std::move(part));
  }
  if (total > limits.max_name_bytes) return TooLong(limits, "a path");
  std::string out;
  for (const std::string& part : kept) out = Join(out, part);
  return out;
}

Result<LayerTree::Place> LayerTree::Locate(const std::string& clean) {
  size_t slash = clean.rfind('/');
  std::string path = slash == std::string::npos ? "" : clean.substr(0, slash);
  std::string name = clean.substr(slash + 1);
  if (!folder_.valid() || folder_path_ != path) {
    if (auto folder = OpenFolder(root_, path); folder.ok()) {
      folder_ = std::move(*folder);
    } else {
      path = TRY(MakeFolders(path));
      folder_ = TRY(OpenFolder(root_, path));
    }
    folder_path_ = path;
  }
  return Place{folder_, folder_path_, std::move(name)};
}

// What a container sees at `path`, which is `name` in the folder `here` of this layer. The layers below are asked only
// if this one hasn't got it.
Result<LayerTree::Sight> LayerTree::Look(FdRef here, const std::string& name, const std::string& path, bool below) {
  auto info = sys::FstatAt(here, name, AT_SYMLINK_NOFOLLOW);
  if (info.ok()) return Sight{*info, root_, true};
  if (info.error().err() != ENOENT) return std::move(info.error());
  auto found = below ? TRY(lowers_.Find(path)) : std::nullopt;
  if (!found) return Sight{std::nullopt, {}, false};
  return Sight{found->info, found->layer, false};
}

// Walks to the folder `path` as a container would, links included, and makes in this layer what is missing there, with
// the metadata of the lower layers' folders. Returns the way to it without links.
Result<std::string> LayerTree::MakeFolders(const std::string& path) {
  std::deque<std::string> rest = Split(path);
  std::string at;
  UniqueFd here = TRY(OpenFolder(root_, at));
  bool below = true;  // the layers below may have something here
  int links = 0;
  while (!rest.empty()) {
    std::string part = std::move(rest.front());
    rest.pop_front();
    if (part == ".") continue;
    if (part == "..") {
      size_t slash = at.rfind('/');
      at.resize(slash == std::string::npos ? 0 : slash);
      here = TRY(OpenFolder(root_, at));
      below = true;
      continue;
    }
    std::string next = Join(at, part);
    if (next.size() > limits_.max_name_bytes) return TooLong(limits_, "a path");
    Sight sight = TRY(Look(here, part, next, below));
    if (sight.info && S_ISLNK(sight.info->st_mode)) {
      if (++links > kMaxLinks)
        return InvalidArgument(Cat("more than the limit of ", std::to_string(kMaxLinks), " links on the way"));
      std::string target = TRY(ReadLink(sight.layer, at, part));
      if (target.starts_with('/')) {
        at.clear();
        here = TRY(OpenFolder(root_, at));
        below = true;
      }
      std::deque<std::string> parts = Split(target);
      rest.insert(rest.begin(), parts.begin(), parts.end());
      continue;
    }
    if (!sight.own) {
      below = sight.info && S_ISDIR(sight.info->st_mode);
      TRYV(MakeMissing(here, part, next, below ? &*sight.info : nullptr));
    } else if (IsWhiteout(*sight.info)) {
      TRYV(sys::UnlinkAt(here, part, 0));
      --inodes_;
      opaque_.insert(next);
      TRYV(MakeMissing(here, part, next, nullptr));
      below = false;
    } else if (!S_ISDIR(sight.info->st_mode)) {
      return InvalidArgument(Cat(Printable(next), " is no directory"));
    }
    here = TRY(sys::OpenAt(here, part, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    at = std::move(next);
  }
  return at;
}

Result<> LayerTree::MakeMissing(FdRef folder, const std::string& name, const std::string& path,
                                const struct stat* lower) {
  TRYV(sys::MkdirAt(folder, name, 0755));
  folder_times_[path] = {0, UTIME_OMIT};
  if (!lower) return {};
  UniqueFd fd = TRY(sys::OpenAt(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRYV(sys::Fchown(fd, lower->st_uid, lower->st_gid));
  TRYV(sys::Fchmod(fd, lower->st_mode & 07777));
  folder_times_[path] = lower->st_mtim;
  return {};
}

Result<> LayerTree::Clear(const Place& place) {
  std::string path = place.path();
  struct stat info = TRY(sys::FstatAt(place.folder, place.name, AT_SYMLINK_NOFOLLOW));
  if (S_ISDIR(info.st_mode)) {
    recount_ = true;
  } else if (info.st_nlink == 1) {
    --inodes_;
    bytes_ -= BytesOf(info);
  }
  TRYV(sys::RemoveTree(place.folder, place.name));
  opaque_.erase(path);
  folder_times_.erase(path);
  return {};
}

// An entry replaces what is there.
template <class Create>
auto LayerTree::Replacing(const Place& place, Create create) -> decltype(create()) {
  auto made = create();
  if (made.ok() || made.error().err() != EEXIST) return made;
  TRYV(Clear(place));
  return create();
}

Result<> LayerTree::Whiteout(const Place& place, std::string_view hidden) {
  if (hidden.empty() || hidden == "." || hidden == "..")
    return InvalidArgument("a whiteout of no name");
  Place target{place.folder, place.folder_path, std::string(hidden)};
  auto made = sys::MknodAt(target.folder, target.name, S_IFCHR, 0);
  if (made.ok()) ++inodes_;
  if (made.ok() || made.error().err() != EEXIST) return made;
  // A whiteout is about the layers below: what this layer brings itself stays.
  struct stat info = TRY(sys::FstatAt(target.folder, target.name, AT_SYMLINK_NOFOLLOW));
  if (S_ISDIR(info.st_mode)) opaque_.insert(target.path());
  return {};
}

// The fewest calls that can do it: most files are root's, with a mode that open(2) gives as well.
Result<> LayerTree::AddFile(const Entry& entry, const Place& place, const Data& data) {
  UniqueFd fd = TRY(Replacing(place, [&] {
    return sys::OpenAt(place.folder, place.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, entry.mode & 0777);
  }));
  if (entry.sparse) TRYV(WriteSparse(fd, entry, data));
  else TRYV(WriteAll(fd, data));
  struct stat info = TRY(sys::Fstat(fd));
  // The order matters: chown(2) clears setuid and security.capability. A folder with setgid gives its group.
  if (info.st_uid != entry.uid || info.st_gid != entry.gid) TRYV(sys::Fchown(fd, entry.uid, entry.gid));
  TRYV(SetXattrs(fd, entry));
  if ((info.st_mode & 07777) != entry.mode || info.st_uid != entry.uid || info.st_gid != entry.gid)
    TRYV(sys::Fchmod(fd, entry.mode));
  TRYV(SetTimes(fd, entry.mtime));
  bytes_ += BytesOf(info);
  ++inodes_;
  return {};
}

Result<> LayerTree::AddDirectory(const Entry& entry, const Place& place) {
  auto made = sys::MkdirAt(place.folder, place.name, 0700);
  if (!made.ok() && made.error().err() == EEXIST) {
    struct stat info = TRY(sys::FstatAt(place.folder, place.name, AT_SYMLINK_NOFOLLOW));
    made = {};
    if (!S_ISDIR(info.st_mode)) {
      TRYV(Clear(place));
      made = sys::MkdirAt(place.folder, place.name, 0700);
      if (IsWhiteout(info)) opaque_.insert(place.path());
    }
  }
  TRYV(std::move(made));
  UniqueFd fd = TRY(sys::OpenAt(place.folder, place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  folder_times_[place.path()] = entry.mtime;
  return SetMetadata(fd, entry);
}

Result<> LayerTree::AddRoot(const Entry& entry) {
  if (entry.type != EntryType::kDirectory) return InvalidArgument("the root must be a directory");
  UniqueFd fd = TRY(sys::OpenAt(root_, ".", O_RDONLY | O_DIRECTORY));
  folder_times_[""] = entry.mtime;
  return SetMetadata(fd, entry);
}

Result<> LayerTree::AddSymlink(const Entry& entry, const Place& place) {
  if (entry.target.size() > limits_.max_name_bytes) return TooLong(limits_, "a link");
  TRYV(Replacing(place, [&] { return sys::SymlinkAt(entry.target, place.folder, place.name); }));
  ++inodes_;
  TRYV(sys::FchownAt(place.folder, place.name, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW));
  const timespec times[2] = {entry.mtime, entry.mtime};
  return sys::UtimensAt(place.folder, place.name, times, AT_SYMLINK_NOFOLLOW);
}

Result<> LayerTree::AddDevice(const Entry& entry, const Place& place) {
  mode_t type = entry.type == EntryType::kCharDevice    ? S_IFCHR
                : entry.type == EntryType::kBlockDevice ? S_IFBLK
                                                        : S_IFIFO;
  dev_t device = makedev(entry.major, entry.minor);
  TRYV(Replacing(place, [&] { return sys::MknodAt(place.folder, place.name, type | 0600, device); }));
  ++inodes_;
  TRYV(sys::FchownAt(place.folder, place.name, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW));
  TRYV(sys::FchmodAt(place.folder, place.name, entry.mode));
  const timespec times[2] = {entry.mtime, entry.mtime};
  return sys::UtimensAt(place.folder, place.name, times, AT_SYMLINK_NOFOLLOW);
}

// The target is a name of the archive too: located like one, taken from a lower layer if this one hasn't got it.
Result<> LayerTree::AddHardLink(const Entry& entry, const std::string& clean) {
  std::string target_path = TRY(CleanPath(entry.target, limits_).With("link target"));
  if (target_path.empty()) return InvalidArgument("a hard link to the root");
  Place target = TRY(Locate(target_path).With("link target"));
  UniqueFd target_folder = TRY(OpenFolder(target.folder, ""));
  target.folder = target_folder;
  if (!sys::Exists(target.folder, target.name)) TRYV(CopyUp(target).With("link target"));
  Place place = TRY(Locate(clean));
  if (place.path() == target.path()) return {};
  return Replacing(place,
                   [&] { return sys::LinkAt(target.folder, target.name, place.folder, place.name); });
}

Result<> LayerTree::CopyUp(const Place& place) {
  auto found = TRY(lowers_.Find(place.path()));
  if (!found) return NotFound(Cat(Printable(place.path()), " is not there"));
  if (!S_ISREG(found->info.st_mode))
    return Error(Code::kUnimplemented, Cat(Printable(place.path()), " of a lower layer is no regular file"));
  // A small archive may name the same large file again and again.
  copied_ += static_cast<uint64_t>(found->info.st_size);
  if (copied_ > limits_.max_bytes)
    return Error(Code::kResourceExhausted, Cat("links to files of lower layers larger than the limit of ",
                                               std::to_string(limits_.max_bytes), " bytes (image.max_layer_bytes)"));
  UniqueFd from = TRY(sys::OpenBeneath(found->layer, place.path(), O_RDONLY));
  Entry entry;
  entry.mode = found->info.st_mode & 07777;
  entry.uid = found->info.st_uid;
  entry.gid = found->info.st_gid;
  entry.mtime = found->info.st_mtim;
  if (auto names = sys::ListXattr(from); names.ok())
    for (const std::string& name : *names)
      if (IsWantedXattr(name)) entry.xattrs.emplace_back(name, TRY(sys::GetXattr(from, name)));
  std::string buffer(256 * 1024, '\0');
  return AddFile(entry, place, [&]() -> Result<std::string_view> {
    size_t got = TRY(sys::Read(from, buffer.data(), buffer.size()));
    return std::string_view(buffer).substr(0, got);
  });
}

Result<> LayerTree::Add(const Entry& entry, const Data& data) {
  if (entry.type == EntryType::kOther) return {};  // sockets, volume labels: nothing that a layer holds
  std::string clean = TRY(CleanPath(entry.path, limits_));
  if (clean.empty()) return AddRoot(entry);
  if (entry.type == EntryType::kHardLink) return AddHardLink(entry, clean);
  Place place = TRY(Locate(clean));
  if (place.name == kOpaque) {
    if (place.folder_path.empty()) root_opaque_ = true;
    else opaque_.insert(place.folder_path);
    return {};
  }
  if (place.name.starts_with(kReserved)) return {};
  if (place.name.starts_with(kWhiteout))
    return Whiteout(place, std::string_view(place.name).substr(kWhiteout.size()));
  switch (entry.type) {
    case EntryType::kDirectory: return AddDirectory(entry, place);
    case EntryType::kSymlink: return AddSymlink(entry, place);
    case EntryType::kFile: return AddFile(entry, place, data);
    default: return AddDevice(entry, place);
  }
}

// overlayfs merges the roots whatever they are marked: each name that isn't this layer's gets a whiteout.
Result<> LayerTree::HideLowerRoot() {
  for (const std::string& name : TRY(lowers_.RootNames())) {
    auto made = sys::MknodAt(root_, name, S_IFCHR, 0);
    if (made.ok()) ++inodes_;
    if (made.ok()) continue;
    if (made.error().err() != EEXIST) return made;
    struct stat info = TRY(sys::FstatAt(root_, name, AT_SYMLINK_NOFOLLOW));
    if (S_ISDIR(info.st_mode)) opaque_.insert(name);
  }
  return {};
}

Result<> LayerTree::Count(FdRef fd) {
  struct stat info = TRY(sys::Fstat(fd));
  bytes_ += BytesOf(info);
  ++inodes_;
  return {};
}

Result<LayerTree::Totals> LayerTree::Finish() {
  if (root_opaque_) TRYV(HideLowerRoot());
  folder_times_.try_emplace("", timespec{0, UTIME_OMIT});
  folder_.Reset();
  for (const auto& [path, time] : folder_times_) {
    // A later entry may have put something else there.
    auto fd = sys::OpenBeneath(root_, path.empty() ? "." : path, O_RDONLY | O_DIRECTORY);
    if (!fd.ok()) continue;
    TRYV(SetTimes(*fd, time));
    TRYV(Count(*fd));
  }
  Totals totals{bytes_, inodes_, {}};
  if (recount_) {
    TreeSize size = TRY(MeasureTree(root_));
    totals = {size.bytes, size.inodes, {}};
  }
  for (const std::string& path : opaque_)
    if (OpenFolder(root_, path).ok()) totals.opaque.push_back(path);
  return totals;
}

}  // namespace cradle::unpack
