// Device nodes and the terminal.
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include <cstring>

#include "container/init/kernel.h"
#include "container/init/paths.h"
#include "container/init/steps.h"

namespace cradle::init {
namespace {

struct Node {
  const char* name;
  unsigned major, minor;
};
constexpr Node kNodes[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
                           {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
struct Link {
  const char* name;
  const char* target;
};
constexpr Link kLinks[] = {{"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"},
                           {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
                           {"core", "/proc/kcore"},       {"ptmx", "pts/ptmx"}};

Outcome MakeDefaults(int dev) noexcept {
  for (const Node& node : kNodes)
    if (mknodat(dev, node.name, S_IFCHR | 0666, makedev(node.major, node.minor)) < 0 &&
        errno != EEXIST)
      return Fail(Step::kDevice, node.name);
  for (const Link& link : kLinks)
    if (symlinkat(link.target, dev, link.name) < 0 && errno != EEXIST)
      return Fail(Step::kDevice, link.name);
  return {};
}

// An entry of that name (a default device, or one of the image) gives way.
int Replace(int parent, const char* name, const Device& device) noexcept {
  if (unlinkat(parent, name, 0) < 0 && errno != ENOENT) return -1;
  if (mknodat(parent, name, device.mode, device.device) < 0) return -1;
  return fchownat(parent, name, device.uid, device.gid, AT_SYMLINK_NOFOLLOW);
}

// `path`: of the device, inside `root`.
Outcome MakeDevice(const Device& device, const char* path, int root) noexcept {
  char parent[kMaxPath];
  const char* slash = strrchr(path, '/');
  size_t size = slash ? static_cast<size_t>(slash - path) : 0;
  if (!slash || !slash[1] || size >= sizeof parent)
    return FailWith(EINVAL, Step::kDevice, device.path);
  memcpy(parent, path, size);
  parent[size] = 0;
  Fd dir(Ensure(root, size ? parent : "/", Leaf::kDirectory));
  if (!dir.valid() || Replace(dir.get(), slash + 1, device) < 0)
    return Fail(Step::kDevice, device.path);
  return {};
}

// The master of a fresh pair on the container's devpts; anything else under that name is refused.
int OpenMaster(const State& state) noexcept {
  Fd master(state.devpts >= 0
                ? openat(state.devpts, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW)
                : OpenInRoot(state.root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK));
  struct statfs fs;
  struct stat info;
  if (!master.valid() || fstatfs(master.get(), &fs) < 0 || fstat(master.get(), &info) < 0)
    return -1;
  if (fs.f_type != DEVPTS_SUPER_MAGIC || info.st_rdev != makedev(5, 2)) return errno = ENODEV, -1;
  return master.Release();
}

// /dev/console is the terminal itself, by descriptor: no name is looked up twice.
Outcome BindConsole(const State& state) noexcept {
  Fd console(Ensure(state.root, "/dev/console", Leaf::kFile));
  Fd tree(CloneTree(state.slave, false));
  if (!console.valid() || !tree.valid() || Attach(tree.get(), console.get()) < 0)
    return Fail(Step::kTerminal, "bind /dev/console");
  return {};
}

}  // namespace

Outcome MakeDevices(const Plan& plan, State& state) noexcept {
  if (plan.users) return {};  // FillDev did
  if (plan.make_devices) {
    Fd dev(OpenInRoot(state.root, "/dev", O_PATH | O_DIRECTORY));
    if (!dev.valid()) return Fail(Step::kDevice, "/dev");
    INIT_TRY(MakeDefaults(dev.get()));
  }
  for (const Device& device : plan.devices) INIT_TRY(MakeDevice(device, device.path, state.root));
  return {};
}

// The default ones are the container's own; others keep their owner on the host, who is nobody in
// the container.
Outcome FillDev(const Plan& plan, int dev) noexcept {
  umask(0);
  INIT_TRY(MakeDefaults(dev));
  for (const Node& node : kNodes)
    if (fchownat(dev, node.name, plan.users->uid, plan.users->gid, 0) < 0)
      return Fail(Step::kDevice, node.name);
  for (const Link& link : kLinks)
    if (fchownat(dev, link.name, plan.users->uid, plan.users->gid, AT_SYMLINK_NOFOLLOW) < 0)
      return Fail(Step::kDevice, link.name);
  constexpr size_t kDev = sizeof "/dev" - 1;
  for (const Device& device : plan.devices) {
    if (strncmp(device.path, "/dev/", kDev + 1) != 0)
      return FailWith(EPERM, Step::kDevice, device.path);
    INIT_TRY(MakeDevice(device, device.path + kDev, dev));
  }
  return {};
}

Outcome MakeTerminal(const Plan& plan, State& state) noexcept {
  if (!plan.terminal) return {};
  state.master = OpenMaster(state);
  if (state.master < 0) return Fail(Step::kTerminal, "open /dev/pts/ptmx");
  int unlock = 0;
  if (ioctl(state.master, TIOCSPTLCK, &unlock) < 0) return Fail(Step::kTerminal, "TIOCSPTLCK");
  state.slave = ioctl(state.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (state.slave < 0) return Fail(Step::kTerminal, "TIOCGPTPEER");
  return plan.role == Role::kContainer ? BindConsole(state) : Outcome{};
}

}  // namespace cradle::init
