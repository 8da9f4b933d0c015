// FuseServer: a container's views as a file system: the kernel's FUSE protocol without a library, and without I/O of its
// own: a request's bytes in, the answer's bytes out. The file system is one directory with the files of kFiles,
// read-only. Names never change, so the kernel asks for each once. A file's size is that of its text, asked for at each
// open (the mount has default_permissions): sendfile(2), which busybox's cat uses, reads that far and no further.
//
//   request   answered with                   request    answered with
//   INIT      protocol 7.31 at most           OPEN       a handle, direct I/O
//   LOOKUP    the node                        READ       a snapshot (snapshots.h)
//   GETATTR   the size as it is now           RELEASE    -
//   STATFS    zeros                           others     ENOSYS: the kernel doesn't ask again
//
// Malformed requests are answered EINVAL, if they can be. Source: Linux include/uapi/linux/fuse.h, fs/fuse. Main thread.
#pragma once

#include <linux/fuse.h>

#include <string_view>

#include "base/clock.h"
#include "lxcfs/snapshots.h"

namespace cradle::lxcfs {

class FuseServer {
 public:
  // What a read(2) of the device needs room for (FUSE_MIN_READ_BUFFER; nothing longer is ever asked of this server),
  // and what the longest answer takes: a longer read is answered in part.
  static constexpr size_t kRequestSize = FUSE_MIN_READ_BUFFER;
  static constexpr size_t kAnswerSize = 48 * 1024;

  // Handles are this server's own: those of one that served the same file system before it are no reader of this one's.
  explicit FuseServer(Snapshots::Render render)
      : render_(std::move(render)), last_handle_(static_cast<uint64_t>(WallNanos())) {}
  // `answer`: room for kAnswerSize. Returns how much of it is to be written; 0: this request has no answer.
  size_t Handle(std::string_view request, Snapshots::Time now, char* answer);
  // Gives memory back that the last readers left.
  void Rest() { snapshots_.Clear(); }

 private:
  // What follows the head of an answer, or an errno.
  struct Body {
    int err = 0;
    size_t size = 0;
  };
  template <class T>
  static Body Say(const T& body, char* out);
  static Body Init(std::string_view in, char* out);
  static Body Lookup(uint64_t node, std::string_view in, char* out);
  Body GetAttributes(uint64_t node, Snapshots::Time now, char* out);
  Body Open(uint64_t node, std::string_view in, char* out);
  Body Read(uint64_t node, std::string_view in, Snapshots::Time now, char* out);
  Body Release(std::string_view in);

  const Snapshots::Render render_;
  Snapshots snapshots_;
  uint64_t last_handle_;
};

}  // namespace cradle::lxcfs
