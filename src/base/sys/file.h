// Files and directories, one function per system call: the man page's name and argument order, Result out, always
// close-on-exec, no policy, no logging. EINTR is retried where a retry is right (never for close). Any thread.
// Paths that a container or an image chose go through OpenInRoot, never through OpenAt.
#pragma once

#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace cradle::sys {

// openat(2); O_CLOEXEC is added. The error's text is "open PATH: reason".
Result<UniqueFd> OpenAt(FdRef dir, const std::string& path, int flags, mode_t mode = 0);

// openat2(2) with a resolve mask (RESOLVE_*); O_CLOEXEC is added.
Result<UniqueFd> OpenAt2(FdRef dir, const std::string& path, int flags, mode_t mode, uint64_t resolve);
// What a container or an image names: the directory is the root, links are followed inside it, no magic links.
Result<UniqueFd> OpenInRoot(FdRef root, const std::string& path, int flags, mode_t mode = 0);
// Our own trees: nothing may lead out, no link is followed.
Result<UniqueFd> OpenBeneath(FdRef dir, const std::string& path, int flags, mode_t mode = 0);

Result<> MkdirAt(FdRef dir, const std::string& path, mode_t mode);
// mkdir -p; existing directories are fine.
Result<> MakeDirs(const std::string& path, mode_t mode);
Result<> UnlinkAt(FdRef dir, const std::string& path, int flags);
// unlinkat of a file; one that isn't there is fine.
Result<> RemoveFile(FdRef dir, const std::string& path);
Result<> RenameAt(FdRef from_dir, const std::string& from, FdRef to_dir, const std::string& to, unsigned flags = 0);
Result<> LinkAt(FdRef from_dir, const std::string& from, FdRef to_dir, const std::string& to, int flags = 0);
Result<> SymlinkAt(const std::string& target, FdRef dir, const std::string& path);
Result<std::string> ReadlinkAt(FdRef dir, const std::string& path);
Result<> FchmodAt(FdRef dir, const std::string& path, mode_t mode);
Result<> FchownAt(FdRef dir, const std::string& path, uid_t uid, gid_t gid, int flags);
Result<> MknodAt(FdRef dir, const std::string& path, mode_t mode, dev_t device);
Result<> UtimensAt(FdRef dir, const std::string& path, const timespec times[2], int flags);
// The same on an open file.
Result<> Fchmod(FdRef fd, mode_t mode);
Result<> Fchown(FdRef fd, uid_t uid, gid_t gid);
Result<> Futimens(FdRef fd, const timespec times[2]);
Result<> Ftruncate(FdRef fd, off_t size);
// A second descriptor of the same open file (fcntl(2) F_DUPFD_CLOEXEC).
Result<UniqueFd> Dup(FdRef fd);
Result<> SetCloseOnExec(FdRef fd);
// Closes every descriptor from `first` on (close_range(2)). For programs that have just been started.
Result<> CloseFrom(int first);
Result<> Fchdir(FdRef fd);

Result<struct stat> Fstat(FdRef fd);
Result<struct stat> FstatAt(FdRef dir, const std::string& path, int flags);
Result<struct statfs> Fstatfs(FdRef fd);
// True when the path exists (links not followed).
bool Exists(FdRef dir, const std::string& path);

// read(2) and write(2). Short reads are the caller's business; 0 is end of file.
Result<size_t> Read(FdRef fd, void* buffer, size_t size);
Result<size_t> Write(FdRef fd, const void* data, size_t size);
Result<size_t> Pread(FdRef fd, void* buffer, size_t size, off_t offset);
// Writes all of it.
Result<> WriteAll(FdRef fd, const void* data, size_t size);
// Reads to the end; more than `limit` bytes is an error (kOutOfRange).
Result<std::string> ReadAll(FdRef fd, size_t limit);
// open, ReadAll, close. `limit` in bytes.
Result<std::string> ReadFile(FdRef dir, const std::string& path, size_t limit);
// A kernel control file (cgroup, /proc/sys): open O_WRONLY, one write(2).
Result<> WriteControl(FdRef dir, const std::string& path, std::string_view value);
// A record: temporary file in the same directory, then rename; no fsync. Readers see the old or the new content.
Result<> ReplaceFile(FdRef dir, const std::string& path, std::string_view content, mode_t mode);

// Names in a directory, without "." and "..", unsorted.
Result<std::vector<std::string>> ListDir(FdRef dir);
// The same, directories only. Only where the file system tells types (d_type): cgroups, /proc, tmpfs, ext4.
Result<std::vector<std::string>> ListSubdirs(FdRef dir);
// rm -r below dir, by descriptors, links not followed; what is gone already is fine. Any depth: what lies deeper than a
// few dozen folders is first moved up (a container can nest folders without end).
Result<> RemoveTree(FdRef dir, const std::string& path);

Result<std::string> GetXattr(FdRef fd, const std::string& name);
Result<> SetXattr(FdRef fd, const std::string& name, std::string_view value);
// lsetxattr on an entry that can't be opened (a link, a device): by /proc/self/fd/DIR/name.
Result<> SetXattrAt(FdRef dir, const std::string& path, const std::string& name, std::string_view value);

Result<> Syncfs(FdRef fd);
Result<> Fsync(FdRef fd);
Result<> Flock(FdRef fd, int operation);

// memfd_create(2) holding `content`, sealed against every change, at offset 0.
Result<UniqueFd> SealedMemfd(const std::string& name, std::string_view content);
// An empty memfd to be written, then sealed against every change.
Result<UniqueFd> MakeMemfd(const std::string& name);
Result<> SealMemfd(FdRef fd);
// What a sealed memfd holds; anything larger than `limit`, or not sealed against change, is an error.
Result<std::string> ReadSealedMemfd(FdRef fd, size_t limit);

Result<UniqueFd> InotifyInit();
Result<int> InotifyAddWatch(FdRef fd, const std::string& path, uint32_t mask);

// umask(2); returns the old one. Whole process.
mode_t Umask(mode_t mask);

}  // namespace cradle::sys
