#include "container/init/propagation.h"

#include <linux/stat.h>

#include "container/init/kernel.h"
#include "container/init/numbers.h"
#include "container/init/reader.h"

namespace cradle::init {
namespace {

int MountId(int fd, uint64_t& id) noexcept {
  struct statx info {};
  if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &info) < 0) return -1;
  if (!(info.stx_mask & STATX_MNT_ID)) return errno = ENOSYS, -1;
  id = info.stx_mnt_id;
  return 0;
}

bool StartsWith(const char* text, const char* head) noexcept {
  return strncmp(text, head, strlen(head)) == 0;
}

}  // namespace

int ReadSharing(int fd, MountSharing& sharing) noexcept {
  uint64_t id;
  if (MountId(fd, id) < 0) return -1;
  Fd file(open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return -1;
  Reader reader(file.get(), SIZE_MAX);
  while (reader.Next(" ")) {
    uint64_t line = 0;
    if (!ParseNumber(reader.token(), UINT64_MAX, line) || line != id) {
      reader.SkipLine();
      continue;
    }
    // Six fixed fields (the id was the first), then optional ones up to "-".
    for (int field = 1; reader.end() == ' ' && reader.Next(" ");) {
      if (++field <= 6) continue;
      if (reader.Is("-")) return 0;
      if (StartsWith(reader.token(), "shared:")) sharing.shared = true;
      if (StartsWith(reader.token(), "master:")) sharing.slave = true;
    }
    return 0;
  }
  errno = reader.err() ? reader.err() : ENOENT;
  return -1;
}

}  // namespace cradle::init
