#include "base/sys/pipe.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cerrno>

namespace cradle::sys {

Result<size_t> Splice(FdRef from, FdRef to, size_t most) {
  ssize_t moved;
  do {
    moved = ::splice(from.get(), nullptr, to.get(), nullptr, most, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  } while (moved < 0 && errno == EINTR);
  if (moved < 0) return Error::FromErrno(errno, "splice");
  return static_cast<size_t>(moved);
}

Result<size_t> PipeHolds(FdRef pipe) {
  int bytes = 0;
  if (::ioctl(pipe.get(), FIONREAD, &bytes) < 0) return Error::FromErrno(errno, "FIONREAD");
  return static_cast<size_t>(bytes);
}

}  // namespace cradle::sys
