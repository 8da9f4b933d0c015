// Mounts by descriptor (fsopen(2), open_tree(2), move_mount(2), mount_setattr(2)) and the two by path that the host
// needs: the state directory's tmpfs and the pod's network namespace. Inside a container the child's dialect mounts
// (container/init).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace cradle::sys {

// A new file system, attached nowhere: closing the descriptor unmounts it.
Result<UniqueFd> FsMount(const std::string& fstype, const std::vector<std::pair<std::string, std::string>>& options,
                         unsigned attr_flags);
// A descriptor of one's own of an open FUSE connection, non-blocking (FUSE_DEV_IOC_CLONE): what was read from it and not
// answered fails when it is closed; the connection ends with its last one.
Result<UniqueFd> CloneFuse(FdRef device);
Result<UniqueFd> OpenTree(FdRef dir, const std::string& path, unsigned flags);
Result<> MoveMount(FdRef mount, FdRef to_dir, const std::string& to_path);

// MOUNT_ATTR_IDMAP on a detached mount: the ids of its files are those of the user namespace.
Result<> MapIds(FdRef mount, FdRef user_namespace);

// MOUNT_ATTR_RDONLY on a mount.
Result<> MakeReadOnly(FdRef mount);

// Whether overlayfs takes a layer by its descriptor (Linux 6.13): only so can it be an id-mapped one.
Result<> ProbeOverlayByDescriptor(FdRef layer);

// mount(2) and umount2(2), host side only.
Result<> Mount(const std::string& source, const std::string& target, const std::string& fstype, unsigned long flags,
               const std::string& data);
Result<> Umount(const std::string& target, int flags);

}  // namespace cradle::sys
