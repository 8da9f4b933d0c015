#include "container/init/paths.h"

#include <limits.h>
#include <sys/stat.h>

#include <cstring>

#include "container/init/kernel.h"

namespace cradle::init {
namespace {

constexpr int kMaxLinks = 40;  // the kernel's own limit

// Makes the entry `name`; EEXIST is a dangling link, or somebody who was faster.
int Make(int parent, const char* name, Leaf leaf) noexcept {
  if (leaf == Leaf::kDirectory) return mkdirat(parent, name, 0755);
  Fd made(openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0644));
  return made.valid() ? 0 : -1;
}

// path[0, end) is a link whose target is missing: puts the target in its place. `base`: where its
// name begins.
int Splice(int parent, char* path, size_t base, size_t end) noexcept {
  char out[kMaxPath];
  char name[NAME_MAX + 1];
  size_t name_size = end - base;
  if (name_size > NAME_MAX) return errno = ENAMETOOLONG, -1;
  memcpy(name, path + base, name_size);
  name[name_size] = 0;
  ssize_t link = readlinkat(parent, name, out, sizeof out - 1);
  if (link < 0) return -1;
  size_t head = out[0] == '/' ? 0 : base;
  size_t rest = strlen(path + end);
  size_t target = static_cast<size_t>(link);
  if (head + target + rest >= kMaxPath) return errno = ENAMETOOLONG, -1;
  memmove(path + head + target, path + end, rest + 1);
  memcpy(path + head, out, target);
  return 0;
}

// One walk: makes what is missing. 1: a dangling link was replaced, walk again.
int Walk(int root, char* path, Leaf leaf) noexcept {
  size_t at = 0;
  Fd none(-1);
  for (;;) {
    while (path[at] == '/') ++at;
    if (!path[at]) return 0;
    size_t base = at;
    while (path[at] && path[at] != '/') ++at;
    char after = path[at];
    path[at] = 0;
    const char* rest = path + at + 1;
    bool last = !after || rest[strspn(rest, "/")] == 0;
    Fd here(OpenInRoot(root, path, O_PATH));
    if (here.valid()) {
      path[at] = after;
      continue;
    }
    if (errno != ENOENT) return -1;
    char first = path[base];
    path[base] = 0;
    Fd parent(OpenInRoot(root, path[0] ? path : "/", O_PATH | O_DIRECTORY));
    path[base] = first;
    if (!parent.valid()) return -1;
    int made = Make(parent.get(), path + base, last ? leaf : Leaf::kDirectory);
    path[at] = after;
    if (made == 0) continue;
    if (errno != EEXIST) return -1;
    return Splice(parent.get(), path, base, at) < 0 ? -1 : 1;
  }
}

}  // namespace

int OpenInRoot(int root, const char* path, int flags, uint64_t resolve) noexcept {
  return OpenAt2(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve);
}

int Ensure(int root, const char* path, Leaf leaf) noexcept {
  int fd = OpenInRoot(root, path, O_PATH);
  if (fd >= 0 || errno != ENOENT) return fd;
  char buffer[kMaxPath];
  size_t size = strlen(path);
  if (size >= sizeof buffer) return errno = ENAMETOOLONG, -1;
  memcpy(buffer, path, size + 1);
  for (int i = 0; i < kMaxLinks; ++i) {
    int walked = Walk(root, buffer, leaf);
    if (walked < 0) return -1;
    if (walked == 0) return OpenInRoot(root, buffer, O_PATH);
  }
  errno = ELOOP;
  return -1;
}

}  // namespace cradle::init
