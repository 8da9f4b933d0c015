// Whether the mount below a descriptor shares its events, as /proc/self/mountinfo (proc(5)) says.
#pragma once

namespace cradle::init {

struct MountSharing {
  bool shared = false;
  bool slave = false;
};
// -1 and errno. The host's /proc must be there.
int ReadSharing(int fd, MountSharing& sharing) noexcept;

}  // namespace cradle::init
