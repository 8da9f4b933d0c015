// Views: one container's /proc views: the FUSE connection, its file system and the server behind it, in the shim's loop.
// The connection is the container's own and ends with it. Pause keeps it (keep.h), so readers wait while a shim is
// succeeded by another; each shim reads from a clone of it, so what a dead one was answering fails instead of waiting for
// ever. The daemon can end it for a shim that is stopped (sandbox/views.h); the mount's source, "cradle:<container>", is
// how it finds it.
//
// Main thread, never blocks: the device is polled, and what is read for an answer is /proc, /sys and cgroupfs. A container
// that reads without end gets its share (share.h): then it waits.
#pragma once

#include <memory>
#include <string>

#include "base/event_loop.h"
#include "base/fd.h"
#include "base/sys/memory.h"
#include "cgroups/figures.h"
#include "cgroups/kept_files.h"
#include "lxcfs/fuse.h"
#include "lxcfs/view.h"
#include "shim/share.h"

namespace cradle::shim {

class Views {
 public:
  // What the views of a pod share; all of it outlives them.
  struct Means {
    EventLoop& loop;
    sys::PageBuffer& scratch;  // of 64 KiB, used while a request is handled
  };
  // `label`: SELinux's, of the files; empty: none.
  static Result<std::unique_ptr<Views>> Open(Means means, const std::string& container, const std::string& label,
                                             cgroups::FigurePlaces places);
  // Goes on with a predecessor's connection.
  static Result<std::unique_ptr<Views>> Resume(Means means, UniqueFd connection, cgroups::FigurePlaces places);
  FdRef connection() const { return connection_; }
  // The file system, attached nowhere. The container's first process places its files; then it can go.
  FdRef mount() const { return mount_; }
  void CloseMount() { mount_.Reset(); }

 private:
  Views(Means means, cgroups::FigurePlaces places);
  Result<> Serve();
  void OnRequests();
  bool AnswerNext();
  void RestLater();

  const Means means_;
  cgroups::KeptFiles files_;  // the kernel's, let go of when nobody reads
  lxcfs::View view_;
  lxcfs::FuseServer server_;
  UniqueFd connection_;
  UniqueFd device_;  // its clone
  UniqueFd mount_;
  EventLoop::Watch watch_;
  Share share_;
  Deadline last_request_;
  bool resting_ = true;
  EventLoop::Timer resume_, rest_;
};

}  // namespace cradle::shim
