#include "base/sys/mount.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include <cerrno>

#include "base/sys/file.h"

namespace cradle::sys {

Result<UniqueFd> FsMount(const std::string& fstype,
                         const std::vector<std::pair<std::string, std::string>>& options,
                         unsigned attr_flags) {
  int context = ::fsopen(fstype.c_str(), FSOPEN_CLOEXEC);
  if (context < 0) return Error::FromErrno(errno, Cat("fsopen ", fstype));
  UniqueFd fs(context);
  for (const auto& [key, value] : options) {
    int set = value.empty() ? ::fsconfig(fs.get(), FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0)
                            : ::fsconfig(fs.get(), FSCONFIG_SET_STRING, key.c_str(), value.c_str(), 0);
    if (set < 0) return Error::FromErrno(errno, Cat(fstype, " option ", key));
  }
  if (::fsconfig(fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0)
    return Error::FromErrno(errno, Cat("create ", fstype));
  int mount = ::fsmount(fs.get(), FSMOUNT_CLOEXEC, attr_flags);
  if (mount < 0) return Error::FromErrno(errno, Cat("fsmount ", fstype));
  return UniqueFd(mount);
}

Result<UniqueFd> OpenTree(FdRef dir, const std::string& path, unsigned flags) {
  int fd = ::open_tree(dir.get(), path.c_str(), flags | OPEN_TREE_CLOEXEC);
  if (fd < 0) return Error::FromErrno(errno, Cat("open_tree ", path));
  return UniqueFd(fd);
}

Result<> MoveMount(FdRef mount, FdRef to_dir, const std::string& to_path) {
  if (::move_mount(mount.get(), "", to_dir.get(), to_path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) < 0)
    return Error::FromErrno(errno, Cat("move_mount to ", to_path));
  return {};
}

namespace {
Result<> SetAttributes(FdRef mount, mount_attr attributes) {
  if (::mount_setattr(mount.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
    return Error::FromErrno(errno, "mount_setattr");
  return {};
}
}  // namespace

Result<> MapIds(FdRef mount, FdRef user_namespace) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<uint64_t>(user_namespace.get());
  return SetAttributes(mount, attributes);
}

Result<> MakeReadOnly(FdRef mount) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  return SetAttributes(mount, attributes);
}

Result<> ProbeOverlayByDescriptor(FdRef layer) {
  int context = ::fsopen("overlay", FSOPEN_CLOEXEC);
  if (context < 0) return Error::FromErrno(errno, "fsopen overlay");
  UniqueFd fs(context);
  if (::fsconfig(fs.get(), FSCONFIG_SET_FD, "lowerdir+", nullptr, layer.get()) < 0)
    return Error::FromErrno(errno, "overlay layers by descriptor, of Linux 6.13");
  return {};
}

Result<UniqueFd> CloneFuse(FdRef device) {
  UniqueFd clone = TRY(OpenAt(kCwd, "/dev/fuse", O_RDWR | O_NONBLOCK));
  auto of = static_cast<uint32_t>(device.get());
  if (::ioctl(clone.get(), FUSE_DEV_IOC_CLONE, &of) < 0) return Error::FromErrno(errno, "FUSE_DEV_IOC_CLONE");
  return clone;
}

Result<> Mount(const std::string& source, const std::string& target, const std::string& fstype,
               unsigned long flags, const std::string& data) {
  if (::mount(source.c_str(), target.c_str(), fstype.c_str(), flags,
              data.empty() ? nullptr : data.c_str()) < 0)
    return Error::FromErrno(errno, Cat("mount ", fstype, " on ", target));
  return {};
}

Result<> Umount(const std::string& target, int flags) {
  if (::umount2(target.c_str(), flags) < 0)
    return Error::FromErrno(errno, Cat("umount ", target));
  return {};
}

}  // namespace cradle::sys
