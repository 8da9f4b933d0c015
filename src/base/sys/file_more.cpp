#include "base/sys/file_more.h"

#include <linux/fs.h>
#include <linux/limits.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

namespace cradle::sys {

Result<> PwriteAll(FdRef fd, const void* data, size_t size, off_t offset) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    ssize_t put = ::pwrite(fd.get(), at, size, offset);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Error::FromErrno(errno, "write");
    at += put;
    offset += put;
    size -= static_cast<size_t>(put);
  }
  return {};
}

Result<std::vector<std::string>> ListXattr(FdRef fd) {
  char names[XATTR_LIST_MAX];
  ssize_t size = ::flistxattr(fd.get(), names, sizeof names);
  if (size < 0) return Error::FromErrno(errno, "flistxattr");
  std::vector<std::string> out;
  for (const char* at = names; at < names + size; at += out.back().size() + 1) out.emplace_back(at);
  return out;
}

Result<> SetTopDirectory(FdRef dir) {
  int flags = 0;
  if (::ioctl(dir.get(), FS_IOC_GETFLAGS, &flags) < 0) return Error::FromErrno(errno, "FS_IOC_GETFLAGS");
  flags |= FS_TOPDIR_FL;
  if (::ioctl(dir.get(), FS_IOC_SETFLAGS, &flags) < 0) return Error::FromErrno(errno, "FS_IOC_SETFLAGS");
  return {};
}

}  // namespace cradle::sys
