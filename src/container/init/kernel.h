// System calls that glibc has no wrapper for, or one that is unfit after a clone, and small shapes
// of others. All return -1 and errno.
#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <span>

#include "container/init/plan.h"

namespace cradle::init {

inline int OpenAt2(int dir, const char* path, int flags, uint64_t resolve) noexcept {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.resolve = resolve;
  long fd = -1;
  for (int i = 0; i < 64; ++i) {  // EAGAIN: a rename or mount elsewhere raced with ".."
    fd = syscall(SYS_openat2, dir, path, &how, sizeof how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  return static_cast<int>(fd);
}

// A detached copy of the mount at fd's path (of the tree below it when recursive).
inline int CloneTree(int fd, bool recursive) noexcept {
  return open_tree(
      fd, "",
      AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0u));
}

inline int SetMountAttributes(int mount, uint64_t set, bool recursive,
                              uint64_t propagation = 0) noexcept {
  mount_attr attributes{};
  attributes.attr_set = set;
  attributes.propagation = propagation;
  return mount_setattr(mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u), &attributes,
                       sizeof attributes);
}

// From here on the ids of files below the detached mount are those of the user namespace (5.12; each
// file system in its own time: ext4, xfs 5.12-5.15, overlayfs' layers 5.19, tmpfs 6.3).
inline int MapIds(int mount, int user_namespace) noexcept {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<uint64_t>(user_namespace);
  return mount_setattr(mount, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
}

// Attaches a detached mount on what `target` refers to.
inline int Attach(int mount, int target) noexcept {
  return move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

// Waits for a byte. False: the other end was closed without one.
inline bool Await(int fd) noexcept {
  char byte;
  ssize_t got;
  do got = read(fd, &byte, 1);
  while (got < 0 && errno == EINTR);
  return got == 1;
}

// A new file system, attached nowhere. `label`: SELinux's, of everything in it, or null.
int MakeFilesystem(const char* type, std::span<const Option> options, uint64_t attributes,
                   const char* label = nullptr) noexcept;

// Closes a descriptor at the end of a scope and keeps errno.
class Fd {
 public:
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    int saved = errno;
    if (fd_ >= 0) close(fd_);
    errno = saved;
  }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() noexcept {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

}  // namespace cradle::init
