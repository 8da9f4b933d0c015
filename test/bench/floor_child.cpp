#include "floor_child.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/sys/file.h"
#include "base/sys/mount.h"
#include "base/sys/process.h"
#include "base/sys/socket.h"
#include "must.h"

namespace cradle::bench {
namespace {

constexpr uint64_t kDefaultCaps = 0xa80425fb;

// In a child: what fails is said, then it ends.
void Check(long result, const char* what) {
  if (result >= 0) return;
  std::perror(what);
  ::_exit(127);
}

Clone CloneInto(const Group& group, uint64_t flags) {
  int pidfd = -1;
  clone_args args{};
  args.flags = flags | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (group.v2().valid()) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(group.v2().get());
  }
  long pid = ::syscall(SYS_clone3, &args, sizeof args);
  Check(pid, "clone3");
  return {static_cast<pid_t>(pid), UniqueFd(pidfd)};
}

// The child enters the v1 groups itself: moving somebody else waits for an RCU period.
void EnterGroups(const Group& group) {
  for (const std::string& file : group.tasks()) {
    int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
    Check(fd, file.c_str());
    Check(::write(fd, "0", 1), file.c_str());
    ::close(fd);
  }
}

void Attach(const UniqueFd& tree, const char* target) {
  Check(::move_mount(tree.get(), "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH), target);
}

void MakeMounts(const UniqueFd (&files)[3]) {
  constexpr unsigned kSafe = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  const struct {
    const char* type;
    const char* target;
    std::vector<std::pair<std::string, std::string>> options;
    unsigned flags;
  } kMounts[] = {
      {"proc", "proc", {}, kSafe},
      {"tmpfs", "dev", {{"mode", "755"}, {"size", "65536k"}}, MOUNT_ATTR_NOSUID},
      {"devpts", "dev/pts", {{"newinstance", ""}, {"ptmxmode", "0666"}, {"mode", "0620"}}, MOUNT_ATTR_NOSUID},
      {"mqueue", "dev/mqueue", {}, kSafe},
      {"tmpfs", "dev/shm", {{"mode", "1777"}, {"size", "65536k"}}, kSafe},
      {"sysfs", "sys", {}, kSafe | MOUNT_ATTR_RDONLY},
  };
  for (const auto& mount : kMounts) {
    ::mkdir(mount.target, 0755);
    Attach(Must(sys::FsMount(mount.type, mount.options, mount.flags)), mount.target);
  }
  ::mkdir("etc", 0755);
  const char* const kTargets[] = {"etc/hosts", "etc/hostname", "etc/resolv.conf"};
  for (int i = 0; i < 3; ++i) {
    ::close(::open(kTargets[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    Attach(files[i], kTargets[i]);
  }
  const struct {
    const char* path;
    unsigned minor;
  } kDevices[] = {{"dev/null", 3}, {"dev/zero", 5}, {"dev/full", 7}, {"dev/random", 8}, {"dev/urandom", 9}};
  for (const auto& device : kDevices) Check(::mknod(device.path, S_IFCHR | 0666, makedev(1, device.minor)), device.path);
  Check(::mknod("dev/tty", S_IFCHR | 0666, makedev(5, 0)), "dev/tty");
  for (auto [from, to] : {std::pair{"pts/ptmx", "dev/ptmx"}, {"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"},
                          {"/proc/self/fd/1", "dev/stdout"}, {"/proc/self/fd/2", "dev/stderr"}})
    Check(::symlink(from, to), to);
}

UniqueFd OpenOverlay(const Rootfs& rootfs) {
  return Must(sys::FsMount("overlay", {{"lowerdir", rootfs.lower}, {"upperdir", rootfs.upper},
                                       {"workdir", rootfs.work}, {"volatile", ""}}, 0));
}

void EnterRoot(const UniqueFd& overlay) {
  Check(::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "private");
  // Anything that is a directory: it is left by pivot_root at once.
  Attach(overlay, "/proc");
  Check(::chdir("/proc"), "root");
  Check(::syscall(SYS_pivot_root, ".", "."), "pivot_root");
  Check(::umount2(".", MNT_DETACH), "old root");
}

void DropPrivileges() {
  for (int cap = 0; cap <= 40; ++cap)
    if (!(kDefaultCaps >> cap & 1)) ::prctl(PR_CAPBSET_DROP, cap);
  Check(::setgroups(0, nullptr), "setgroups");
  Check(::setresgid(0, 0, 0), "setresgid");
  Check(::setresuid(0, 0, 0), "setresuid");
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  data[0].effective = data[0].permitted = static_cast<uint32_t>(kDefaultCaps);
  Check(::syscall(SYS_capset, &head, data), "capset");
}

}  // namespace

Clone LaunchPause(const std::string& program, const Group& group, bool host_network) {
  uint64_t flags = CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNS | (host_network ? 0 : CLONE_NEWNET | CLONE_NEWUTS);
  sys::Pipe execed = Must(sys::MakePipe());
  Clone clone = CloneInto(group, flags);
  if (clone.pid == 0) {
    EnterGroups(group);
    Check(::unshare(CLONE_NEWCGROUP), "cgroup namespace");
    if (!host_network) Check(::sethostname("floor", 5), "sethostname");
    const char* argv[] = {"cradle-pause", nullptr};
    ::execve(program.c_str(), const_cast<char**>(argv), nullptr);
    Check(-1, program.c_str());
  }
  execed.write.Reset();
  char byte;
  (void)sys::Read(execed.read, &byte, 1);  // end of file: the exec is done
  return clone;
}

Container LaunchContainer(const Rootfs& rootfs, const Group& group, FdRef pause, bool host_network) {
  sys::Pipe gate = Must(sys::MakePipe()), report = Must(sys::MakePipe()), out = Must(sys::MakePipe()),
            err = Must(sys::MakePipe());
  Container container;
  container.clone = CloneInto(group, CLONE_NEWNS | CLONE_NEWPID);
  if (container.clone.pid == 0) {
    EnterGroups(group);
    const UniqueFd files[3] = {Must(sys::OpenTree(kCwd, rootfs.hosts, OPEN_TREE_CLONE)),
                               Must(sys::OpenTree(kCwd, rootfs.hostname, OPEN_TREE_CLONE)),
                               Must(sys::OpenTree(kCwd, rootfs.resolv_conf, OPEN_TREE_CLONE))};
    UniqueFd overlay = OpenOverlay(rootfs);
    Check(::setns(pause.get(), CLONE_NEWIPC | (host_network ? 0 : CLONE_NEWNET | CLONE_NEWUTS)), "setns");
    Check(::unshare(CLONE_NEWCGROUP), "cgroup namespace");
    EnterRoot(overlay);
    MakeMounts(files);
    Check(::chdir("/"), "chdir");
    Check(::write(report.write.get(), "r", 1), "report");
    char byte;
    Check(::read(gate.read.get(), &byte, 1), "gate");
    ::dup2(out.write.get(), 1);
    ::dup2(err.write.get(), 2);
    ::setsid();
    DropPrivileges();
    const char* argv[] = {"sleep", "1000000", nullptr};
    ::execv("/bin/sleep", const_cast<char**>(argv));
    Check(-1, "/bin/sleep");
  }
  report.write.Reset();
  char byte;
  if (Must(sys::Read(report.read, &byte, 1)) != 1) Must(Result<>(Internal("the container failed")));
  container.gate = std::move(gate.write);
  container.report = std::move(report.read);
  container.out = std::move(out.read);
  container.err = std::move(err.read);
  return container;
}

void RunExec(FdRef init, const Group& group, const char* const argv[]) {
  // A pid namespace is entered by one's children: this process asks for it, and takes its own again.
  UniqueFd own = Must(sys::PidfdOpen(sys::Getpid()));
  Must(sys::Setns(init, CLONE_NEWPID));
  Clone clone = CloneInto(group, 0);
  if (clone.pid == 0) {
    EnterGroups(group);
    Check(::setns(init.get(), CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP), "setns");
    Check(::chdir("/"), "chdir");
    DropPrivileges();
    ::execv(argv[0], const_cast<char**>(argv));
    Check(-1, argv[0]);
  }
  Must(sys::Setns(own, CLONE_NEWPID));
  Must(sys::WaitPidfd(clone.pidfd, After(seconds(30))));
}

void KillAndReap(const Clone& clone) {
  Must(sys::PidfdSendSignal(clone.pidfd, SIGKILL));
  Must(sys::WaitPidfd(clone.pidfd, After(seconds(30))));
}

}  // namespace cradle::bench
