#include "base/sys/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace cradle {

void UniqueFd::Reset() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

namespace sys {
namespace {

template <class F>
auto Retry(F call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

Result<> Done(int result, std::string_view verb, std::string_view path) {
  if (result < 0) return Error::FromErrno(errno, Cat(verb, " ", path));
  return {};
}

}  // namespace

Result<UniqueFd> OpenAt(FdRef dir, const std::string& path, int flags, mode_t mode) {
  int fd = Retry([&] { return ::openat(dir.get(), path.c_str(), flags | O_CLOEXEC, mode); });
  if (fd < 0) return Error::FromErrno(errno, Cat("open ", path));
  return UniqueFd(fd);
}

Result<UniqueFd> OpenAt2(FdRef dir, const std::string& path, int flags, mode_t mode,
                         uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.mode = mode;
  how.resolve = resolve;
  // EAGAIN: a rename or mount elsewhere raced with ".." (openat2(2)); the lookup is simply made again.
  long fd = -1;
  for (int i = 0; i < 64; ++i) {
    fd = ::syscall(SYS_openat2, dir.get(), path.c_str(), &how, sizeof how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  if (fd < 0) return Error::FromErrno(errno, Cat("open ", path));
  return UniqueFd(static_cast<int>(fd));
}

Result<UniqueFd> OpenInRoot(FdRef root, const std::string& path, int flags, mode_t mode) {
  return OpenAt2(root, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

Result<UniqueFd> OpenBeneath(FdRef dir, const std::string& path, int flags, mode_t mode) {
  return OpenAt2(dir, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

Result<> MkdirAt(FdRef dir, const std::string& path, mode_t mode) {
  return Done(::mkdirat(dir.get(), path.c_str(), mode), "mkdir", path);
}

Result<> MakeDirs(const std::string& path, mode_t mode) {
  for (size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    std::string part = path.substr(0, at);
    if (!part.empty() && ::mkdir(part.c_str(), mode) < 0 && errno != EEXIST)
      return Error::FromErrno(errno, Cat("mkdir ", part));
    if (at == std::string::npos) break;
  }
  struct stat info{};
  if (::stat(path.c_str(), &info) < 0) return Error::FromErrno(errno, Cat("stat ", path));
  if (!S_ISDIR(info.st_mode)) return Error::FromErrno(ENOTDIR, Cat("mkdir ", path));
  return {};
}

Result<> UnlinkAt(FdRef dir, const std::string& path, int flags) {
  return Done(::unlinkat(dir.get(), path.c_str(), flags), "remove", path);
}

Result<> RemoveFile(FdRef dir, const std::string& path) {
  if (::unlinkat(dir.get(), path.c_str(), 0) == 0 || errno == ENOENT) return {};
  return Error::FromErrno(errno, Cat("remove ", path));
}

Result<> RenameAt(FdRef from_dir, const std::string& from, FdRef to_dir, const std::string& to,
                  unsigned flags) {
  return Done(::renameat2(from_dir.get(), from.c_str(), to_dir.get(), to.c_str(), flags), "rename",
              Cat(from, " to ", to));
}

Result<> LinkAt(FdRef from_dir, const std::string& from, FdRef to_dir, const std::string& to,
                int flags) {
  return Done(::linkat(from_dir.get(), from.c_str(), to_dir.get(), to.c_str(), flags), "link",
              Cat(from, " to ", to));
}

Result<> SymlinkAt(const std::string& target, FdRef dir, const std::string& path) {
  return Done(::symlinkat(target.c_str(), dir.get(), path.c_str()), "symlink", path);
}

Result<std::string> ReadlinkAt(FdRef dir, const std::string& path) {
  char buffer[4096];
  ssize_t size = ::readlinkat(dir.get(), path.c_str(), buffer, sizeof buffer);
  if (size < 0) return Error::FromErrno(errno, Cat("readlink ", path));
  return std::string(buffer, static_cast<size_t>(size));
}

Result<> FchmodAt(FdRef dir, const std::string& path, mode_t mode) {
  return Done(::fchmodat(dir.get(), path.c_str(), mode, 0), "chmod", path);
}

Result<> FchownAt(FdRef dir, const std::string& path, uid_t uid, gid_t gid, int flags) {
  return Done(::fchownat(dir.get(), path.c_str(), uid, gid, flags), "chown", path);
}

Result<> MknodAt(FdRef dir, const std::string& path, mode_t mode, dev_t device) {
  return Done(::mknodat(dir.get(), path.c_str(), mode, device), "mknod", path);
}

Result<> UtimensAt(FdRef dir, const std::string& path, const timespec times[2], int flags) {
  return Done(::utimensat(dir.get(), path.c_str(), times, flags), "utimens", path);
}

Result<> Fchmod(FdRef fd, mode_t mode) { return Done(::fchmod(fd.get(), mode), "chmod", "file"); }

Result<> Fchown(FdRef fd, uid_t uid, gid_t gid) {
  return Done(::fchown(fd.get(), uid, gid), "chown", "file");
}

Result<> Futimens(FdRef fd, const timespec times[2]) {
  return Done(::futimens(fd.get(), times), "utimens", "file");
}

Result<> Ftruncate(FdRef fd, off_t size) {
  return Done(Retry([&] { return ::ftruncate(fd.get(), size); }), "truncate", "file");
}

Result<UniqueFd> Dup(FdRef fd) {
  int copy = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return Error::FromErrno(errno, "F_DUPFD_CLOEXEC");
  return UniqueFd(copy);
}

Result<> SetCloseOnExec(FdRef fd) {
  return Done(::fcntl(fd.get(), F_SETFD, FD_CLOEXEC), "F_SETFD", "");
}

Result<> CloseFrom(int first) {
  return Done(static_cast<int>(::syscall(SYS_close_range, first, ~0U, 0)), "close_range", "");
}

Result<> Fchdir(FdRef fd) { return Done(::fchdir(fd.get()), "chdir", "directory"); }

Result<struct stat> Fstat(FdRef fd) {
  struct stat info{};
  if (::fstat(fd.get(), &info) < 0) return Error::FromErrno(errno, "fstat");
  return info;
}

Result<struct stat> FstatAt(FdRef dir, const std::string& path, int flags) {
  struct stat info{};
  if (::fstatat(dir.get(), path.c_str(), &info, flags) < 0)
    return Error::FromErrno(errno, Cat("stat ", path));
  return info;
}

Result<struct statfs> Fstatfs(FdRef fd) {
  struct statfs info{};
  if (::fstatfs(fd.get(), &info) < 0) return Error::FromErrno(errno, "fstatfs");
  return info;
}

bool Exists(FdRef dir, const std::string& path) {
  return FstatAt(dir, path, AT_SYMLINK_NOFOLLOW).ok();
}

Result<size_t> Read(FdRef fd, void* buffer, size_t size) {
  ssize_t got = Retry([&] { return ::read(fd.get(), buffer, size); });
  if (got < 0) return Error::FromErrno(errno, "read");
  return static_cast<size_t>(got);
}

Result<size_t> Write(FdRef fd, const void* data, size_t size) {
  ssize_t put = Retry([&] { return ::write(fd.get(), data, size); });
  if (put < 0) return Error::FromErrno(errno, "write");
  return static_cast<size_t>(put);
}

Result<size_t> Pread(FdRef fd, void* buffer, size_t size, off_t offset) {
  ssize_t got = Retry([&] { return ::pread(fd.get(), buffer, size, offset); });
  if (got < 0) return Error::FromErrno(errno, "pread");
  return static_cast<size_t>(got);
}

Result<> WriteAll(FdRef fd, const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    size_t put = TRY(Write(fd, at, size));
    at += put;
    size -= put;
  }
  return {};
}

Result<std::string> ReadAll(FdRef fd, size_t limit) {
  std::string out;
  for (;;) {
    size_t have = out.size();
    size_t want = have < 4096 ? 4096 : have;
    if (have + want > limit + 1) want = limit + 1 - have;
    out.resize(have + want);
    size_t got = TRY(Read(fd, out.data() + have, want));
    out.resize(have + got);
    if (got == 0) return out;
    if (out.size() > limit)
      return Error(Code::kOutOfRange, Cat("larger than ", std::to_string(limit), " bytes"));
  }
}

Result<std::string> ReadFile(FdRef dir, const std::string& path, size_t limit) {
  UniqueFd fd = TRY(OpenAt(dir, path, O_RDONLY));
  return ReadAll(fd, limit).With(path);
}

Result<> WriteControl(FdRef dir, const std::string& path, std::string_view value) {
  UniqueFd fd = TRY(OpenAt(dir, path, O_WRONLY));
  return WriteAll(fd, value.data(), value.size()).With(Cat(path, " = ", value));
}

Result<> ReplaceFile(FdRef dir, const std::string& path, std::string_view content, mode_t mode) {
  std::string temporary = Cat(path, ".tmp");
  UniqueFd fd = TRY(OpenAt(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode));
  auto replaced = WriteAll(fd, content.data(), content.size()).With(temporary);
  if (replaced.ok()) replaced = RenameAt(dir, temporary, dir, path);
  if (!replaced.ok()) (void)UnlinkAt(dir, temporary, 0);
  return replaced;
}

namespace {

template <class Wanted>
Result<std::vector<std::string>> ListEntries(FdRef dir, Wanted wanted) {
  // A descriptor of our own: fdopendir takes it, and the directory's offset starts at 0.
  UniqueFd own = TRY(OpenAt(dir, ".", O_RDONLY | O_DIRECTORY));
  DIR* stream = ::fdopendir(own.get());
  if (!stream) return Error::FromErrno(errno, "fdopendir");
  (void)own.Release();
  std::vector<std::string> names;
  errno = 0;
  while (dirent* entry = ::readdir(stream)) {
    std::string_view name = entry->d_name;
    if (name != "." && name != ".." && wanted(*entry)) names.emplace_back(name);
    errno = 0;
  }
  int failed = errno;
  ::closedir(stream);
  if (failed) return Error::FromErrno(failed, "readdir");
  return names;
}

}  // namespace

Result<std::vector<std::string>> ListDir(FdRef dir) {
  return ListEntries(dir, [](const dirent&) { return true; });
}

Result<std::vector<std::string>> ListSubdirs(FdRef dir) {
  return ListEntries(dir, [](const dirent& entry) { return entry.d_type == DT_DIR; });
}

namespace {

// One recursive removal. `top` is the folder that the caller named; folders below kMaxDepth are moved into it.
class TreeRemoval {
 public:
  explicit TreeRemoval(FdRef top) : top_(top) {}

  Result<> Empty(FdRef folder, int depth) {
    for (const std::string& name : TRY(ListDir(folder))) TRYV(Remove(folder, name, depth));
    return {};
  }
  bool moved() { return std::exchange(moved_, false); }

 private:
  static constexpr int kMaxDepth = 64;

  Result<> Remove(FdRef dir, const std::string& name, int depth) {
    if (::unlinkat(dir.get(), name.c_str(), 0) == 0 || errno == ENOENT) return {};
    if (errno != EISDIR && errno != EPERM) return Error::FromErrno(errno, Cat("remove ", name));
    if (depth >= kMaxDepth) {
      moved_ = true;
      for (;;) {  // the tree may hold such names already
        auto moved = RenameAt(dir, name, top_, Cat(".removed-", std::to_string(next_++)), RENAME_NOREPLACE);
        if (moved.ok() || moved.error().err() != EEXIST) return moved;
      }
    }
    auto folder = OpenAt(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!folder.ok()) return folder.error().err() == ENOENT ? Result<>() : std::move(folder.error());
    TRYV(Empty(*folder, depth + 1));
    auto removed = UnlinkAt(dir, name, AT_REMOVEDIR);
    if (!removed.ok() && removed.error().err() == ENOENT) return {};
    return removed;
  }

  const FdRef top_;
  uint64_t next_ = 0;
  bool moved_ = false;
};

}  // namespace

Result<> RemoveTree(FdRef dir, const std::string& path) {
  if (::unlinkat(dir.get(), path.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return Error::FromErrno(errno, Cat("remove ", path));
  auto top = OpenAt(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!top.ok()) return top.error().err() == ENOENT ? Result<>() : std::move(top.error());
  TreeRemoval removal(*top);
  do {
    TRYV(removal.Empty(*top, 1));
  } while (removal.moved());
  auto removed = UnlinkAt(dir, path, AT_REMOVEDIR);
  if (!removed.ok() && removed.error().err() == ENOENT) return {};
  return removed;
}

Result<std::string> GetXattr(FdRef fd, const std::string& name) {
  std::string value(4096, '\0');
  ssize_t size = ::fgetxattr(fd.get(), name.c_str(), value.data(), value.size());
  if (size < 0 && errno == ERANGE) {
    value.resize(XATTR_SIZE_MAX);
    size = ::fgetxattr(fd.get(), name.c_str(), value.data(), value.size());
  }
  if (size < 0) return Error::FromErrno(errno, Cat("getxattr ", name));
  value.resize(static_cast<size_t>(size));
  return value;
}

Result<> SetXattr(FdRef fd, const std::string& name, std::string_view value) {
  return Done(::fsetxattr(fd.get(), name.c_str(), value.data(), value.size(), 0), "setxattr", name);
}

Result<> SetXattrAt(FdRef dir, const std::string& path, const std::string& name,
                    std::string_view value) {
  std::string full = Cat("/proc/self/fd/", std::to_string(dir.get()), "/", path);
  return Done(::lsetxattr(full.c_str(), name.c_str(), value.data(), value.size(), 0), "setxattr",
              Cat(name, " of ", path));
}

Result<> Syncfs(FdRef fd) { return Done(::syncfs(fd.get()), "syncfs", ""); }
Result<> Fsync(FdRef fd) { return Done(::fsync(fd.get()), "fsync", ""); }
Result<> Flock(FdRef fd, int operation) {
  return Done(Retry([&] { return ::flock(fd.get(), operation); }), "flock", "");
}

Result<UniqueFd> MakeMemfd(const std::string& name) {
  int fd = ::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return Error::FromErrno(errno, "memfd_create");
  return UniqueFd(fd);
}

Result<> SealMemfd(FdRef fd) {
  if (::lseek(fd.get(), 0, SEEK_SET) < 0) return Error::FromErrno(errno, "lseek");
  return Done(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL),
              "F_ADD_SEALS", "");
}

Result<UniqueFd> SealedMemfd(const std::string& name, std::string_view content) {
  UniqueFd fd = TRY(MakeMemfd(name));
  TRYV(WriteAll(fd, content.data(), content.size()));
  TRYV(SealMemfd(fd));
  return fd;
}

Result<std::string> ReadSealedMemfd(FdRef fd, size_t limit) {
  constexpr int kNeeded = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  int seals = ::fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & kNeeded) != kNeeded) return InvalidArgument("memfd is not sealed");
  struct stat info = TRY(Fstat(fd));
  if (info.st_size < 0 || static_cast<uint64_t>(info.st_size) > limit)
    return Error(Code::kOutOfRange, Cat("memfd larger than ", std::to_string(limit), " bytes"));
  std::string out(static_cast<size_t>(info.st_size), '\0');
  for (size_t have = 0; have < out.size();) {
    size_t got = TRY(Pread(fd, out.data() + have, out.size() - have, static_cast<off_t>(have)));
    if (got == 0) return Internal("memfd ended early");
    have += got;
  }
  return out;
}

Result<UniqueFd> InotifyInit() {
  int fd = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (fd < 0) return Error::FromErrno(errno, "inotify_init1");
  return UniqueFd(fd);
}

Result<int> InotifyAddWatch(FdRef fd, const std::string& path, uint32_t mask) {
  int watch = ::inotify_add_watch(fd.get(), path.c_str(), mask);
  if (watch < 0) return Error::FromErrno(errno, Cat("inotify_add_watch ", path));
  return watch;
}

mode_t Umask(mode_t mask) { return ::umask(mask); }

}  // namespace sys
}  // namespace cradle
