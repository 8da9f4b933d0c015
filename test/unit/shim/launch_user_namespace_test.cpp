#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/nsfs.h>

#include <filesystem>
#include <fstream>

#include "base/sys/file.h"
#include "launch_fixture.h"

namespace cradle::shim {
namespace {

constexpr uint32_t kUid = 100000, kGid = 200000;

// The pod has a user namespace; a container's plan has what the daemon gives it then.
class UserNamespaceTest : public LaunchTest {
 protected:
  void SetUp() override {
    LaunchTest::SetUp();
    pause_plan.users = container::UserNamespace{{kUid, 65536}, {kGid, 65536}};
  }
  container::LaunchPlan Mapped(const std::string& script) { return InUserNamespace(Plan(script)); }
  std::string Said(const std::string& script) {
    Finished finished = Run(Mapped(script));
    EXPECT_EQ(finished.failure, "");
    return finished.out;
  }
};

std::string Owner(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(lstat(path.c_str(), &info), 0) << path;
  return std::to_string(info.st_uid) + ":" + std::to_string(info.st_gid);
}

ino_t InodeOf(FdRef fd) {
  struct stat info {};
  EXPECT_EQ(fstat(fd.get(), &info), 0);
  return info.st_ino;
}

TEST_F(UserNamespaceTest, ItsRootIsNobodySpecialOnTheHost) {
  container::LaunchPlan plan = Mapped("cat /proc/self/uid_map /proc/self/gid_map; id -u; read line");
  Running container = Launch(plan);
  ASSERT_EQ(container.Start(), "");
  EXPECT_EQ(container.ReadLine(), "         0     100000      65536\n");
  EXPECT_EQ(container.ReadLine(), "         0     200000      65536\n");
  EXPECT_EQ(container.ReadLine(), "0\n");
  std::string status = ReadText("/proc/" + std::to_string(container.pid()) + "/status");
  EXPECT_TRUE(Contains(status, "Uid:\t100000\t100000\t100000\t100000\n")) << status;
  EXPECT_TRUE(Contains(status, "Gid:\t200000\t200000\t200000\t200000\n")) << status;
}

TEST_F(UserNamespaceTest, OwnsEveryNamespaceOfTheContainer) {
  Running container = Launch(Mapped("read line"));
  ASSERT_EQ(container.Start(), "");
  std::string dir = "/proc/" + std::to_string(container.pid()) + "/ns/";
  UniqueFd users = std::move(*sys::OpenAt(kCwd, dir + "user", O_RDONLY));
  for (const char* name : {"net", "ipc", "uts", "pid", "mnt", "cgroup"}) {
    UniqueFd one = std::move(*sys::OpenAt(kCwd, dir + name, O_RDONLY));
    UniqueFd owner(ioctl(one.get(), NS_GET_USERNS));
    ASSERT_TRUE(owner.valid()) << name;
    EXPECT_EQ(InodeOf(owner), InodeOf(users)) << name;
  }
}

TEST_F(UserNamespaceTest, TheImageBelongsToItsRoot) {
  ASSERT_EQ(chown(Image("/etc/group").c_str(), 0, 44), 0);
  container::LaunchPlan plan = Mapped(
      "stat -c %u:%g / /bin/busybox /etc/group; echo more >>/etc/group; touch /new; mkdir -p /a/b; "
      "stat -c %u:%g /new /a");
  Finished finished = Run(plan);
  EXPECT_EQ(finished.failure, "");
  EXPECT_EQ(finished.out, "0:0\n0:0\n0:44\n0:0\n0:0\n");
  // On disk it is the pod's: what it makes setuid is setuid to nobody special.
  EXPECT_EQ(Owner(plan.upper_dir + "/new"), "100000:200000");
  EXPECT_EQ(Owner(plan.upper_dir + "/etc/group"), "100000:200044");
  EXPECT_EQ(Owner(Image("/etc/group")), "0:44");
}

TEST_F(UserNamespaceTest, AMappedVolumeHasThePodsIds) {
  std::string volume = Host("volume");
  std::ofstream(volume + "/roots") << "x";
  std::ofstream(volume + "/bobs") << "x";
  ASSERT_EQ(chown((volume + "/bobs").c_str(), 1000, 1001), 0);
  container::LaunchPlan plan = Mapped("stat -c %u:%g /data/roots /data/bobs; touch /data/new; stat -c %u:%g /data/new");
  plan.mounts.push_back(Bind(volume, "/data"));
  plan.mounts.back().mapped = true;
  Finished finished = Run(plan);
  EXPECT_EQ(finished.failure, "");
  EXPECT_EQ(finished.out, "0:0\n1000:1001\n0:0\n");
  EXPECT_EQ(Owner(volume + "/new"), "0:0");
}

TEST_F(UserNamespaceTest, AVolumeThatIsNotMappedIsNobodys) {
  std::string volume = Host("volume");
  container::LaunchPlan plan = Mapped("stat -c %u:%g /data; touch /data/new 2>&1");
  plan.mounts.push_back(Bind(volume, "/data"));
  EXPECT_EQ(Run(plan).out, "65534:65534\ntouch: /data/new: Permission denied\n");
}

TEST_F(UserNamespaceTest, AFileSystemThatCannotBeMappedIsNamed) {
  container::LaunchPlan plan = Mapped("true");
  plan.mounts.push_back(Bind("/proc/sys", "/data"));
  plan.mounts.back().mapped = true;
  Finished finished = Run(plan);
  EXPECT_EQ(finished.failure,
            "mount at \"/data\": \"/proc/sys\" can't have the ids of the pod's user namespace (id-mapped mount): "
            "Invalid argument");
}

TEST_F(UserNamespaceTest, DevicesAreThereAndCannotBeMade) {
  container::LaunchPlan plan = Mapped(
      "echo gone >/dev/null && head -c 2 /dev/zero | wc -c; stat -c '%a %u %t:%T' /dev/null /dev/tty /dev/sub/x;"
      "cat /dev/sub/x 2>&1; readlink /dev/ptmx; ls /dev/shm /dev/pts; mknod /dev/sda b 8 0 2>&1 || echo refused");
  plan.devices = {{"/dev/sub/x", false, 1, 5, 0600, 0, 0}};
  plan.process.caps_bounding = plan.process.caps_permitted = plan.process.caps_effective = kAllCaps;
  Finished finished = Run(plan);
  EXPECT_EQ(finished.failure, "");
  // The node's owner has no number here.
  EXPECT_EQ(finished.out,
            "2\n666 0 1:3\n666 0 5:0\n600 65534 1:5\ncat: can't open '/dev/sub/x': Permission denied\npts/ptmx\n"
            "/dev/pts:\nptmx\n\n/dev/shm:\nmknod: /dev/sda: Operation not permitted\nrefused\n");
}

TEST_F(UserNamespaceTest, SeesItsOwnProcessesOnly) {
  EXPECT_EQ(Said("echo /proc/[0-9]*"), "/proc/1\n");
}

TEST_F(UserNamespaceTest, SharesThePodsProcesses) {
  container::LaunchPlan plan = Mapped("read line");
  plan.pid_mode = container::PidMode::kPod;
  Running first = Launch(plan);
  ASSERT_EQ(first.Start(), "");
  container::LaunchPlan other = Mapped("cat /proc/1/comm; kill -0 2 && echo two");
  other.pid_mode = container::PidMode::kPod;
  Finished finished = Run(other);
  EXPECT_EQ(finished.failure, "");
  EXPECT_EQ(finished.out, "cradle-pause\ntwo\n");
}

TEST_F(UserNamespaceTest, SharesAContainersProcesses) {
  Running first = Launch(Mapped("read line"));
  ASSERT_EQ(first.Start(), "");
  container::LaunchPlan other = Mapped("readlink /proc/1/exe; echo $$");
  other.pid_mode = container::PidMode::kTarget;
  other.pid_target = std::string(64, 'c');
  Running second = Launch(other, first.pidfd());
  Finished finished = second.Finish();
  EXPECT_EQ(finished.failure, "");
  EXPECT_EQ(finished.out, "/bin/busybox\n2\n");
}

TEST_F(UserNamespaceTest, HasTheMountsOfEveryContainer) {
  container::LaunchPlan plan = Mapped(
      "ls /sys/class/net; ls /sys/fs/cgroup | wc -l; for f in /dev/mqueue /dev/shm /sys/fs/cgroup /proc/sys; do "
      "grep -q \" $f \" /proc/self/mountinfo && echo $f; done; echo 1 2>/dev/null >/proc/sys/kernel/x || echo sealed");
  plan.mounts.push_back(Mount(MountPlan::Kind::kMqueue, "/dev/mqueue"));
  plan.mounts.push_back(Mount(MountPlan::Kind::kSysfs, "/sys"));
  plan.mounts.back().readonly = true;
  plan.mounts.push_back(Mount(MountPlan::Kind::kCgroup, "/sys/fs/cgroup"));
  plan.masked_paths = {"/proc/kcore", "/sys/firmware"};
  plan.readonly_paths = {"/proc/sys"};
  Finished finished = Run(plan);
  EXPECT_EQ(finished.failure, "");
  EXPECT_TRUE(finished.out.starts_with("lo\n")) << finished.out;
  EXPECT_TRUE(finished.out.ends_with("\n/dev/mqueue\n/dev/shm\n/sys/fs/cgroup\n/proc/sys\nsealed\n")) << finished.out;
}

TEST_F(UserNamespaceTest, GoesWithTheHostsNetwork) {
  pause_plan.new_namespaces = CLONE_NEWIPC | CLONE_NEWPID;
  container::LaunchPlan plan = Mapped("readlink /proc/self/ns/net; hostname no 2>&1; touch /sys/class/net/lo/x 2>&1");
  plan.join_namespaces = CLONE_NEWIPC;
  plan.mounts.push_back(Mount(MountPlan::Kind::kSysfs, "/sys"));
  plan.mounts.back().readonly = true;
  Finished finished = Run(plan);
  EXPECT_EQ(finished.failure, "");
  std::string own = std::filesystem::read_symlink("/proc/self/ns/net").string();
  EXPECT_EQ(finished.out, own +
                              "\nhostname: sethostname: Operation not permitted\n"
                              "touch: /sys/class/net/lo/x: Read-only file system\n");
}

TEST_F(UserNamespaceTest, ItsStreamsBelongToItsUser) {
  container::LaunchPlan plan = Mapped("echo one >/proc/self/fd/1; echo two >/proc/self/fd/2; id -u");
  plan.process.user = {"bob", "", {}, false};
  Finished finished = Run(plan);
  EXPECT_EQ(finished.failure, "");
  EXPECT_EQ(finished.out, "one\ntwo\n1000\n");
}

TEST_F(UserNamespaceTest, AnExecJoinsIt) {
  Running container = Launch(Mapped("read line"));
  ASSERT_EQ(container.Start(), "");
  container::ExecPlan exec = ExecOf("cat /proc/self/uid_map; readlink /proc/1/exe; echo x >/proc/self/fd/1; touch /y; stat -c %u /y");
  exec.users = pause_plan.users;
  Finished finished = LaunchIn(exec, container.pidfd()).Finish();
  EXPECT_EQ(finished.failure, "");
  EXPECT_EQ(finished.out, "         0     100000      65536\n/bin/busybox\nx\n0\n");
  exec.process.resolved = container::ResolvedUser{1000, 1001, {1001}};
  EXPECT_EQ(LaunchIn(exec, container.pidfd()).Finish().out.substr(0, 32), "         0     100000      65536");
}

TEST_F(UserNamespaceTest, ATerminalWorks) {
  container::LaunchPlan plan = Mapped("tty; stat -c %u /dev/pts/0 /dev/console; test -t 0 && echo yes");
  plan.process.terminal = true;
  Finished finished = Run(plan);
  EXPECT_EQ(finished.failure, "");
  EXPECT_EQ(finished.out, "/dev/pts/0\r\n0\r\n0\r\nyes\r\n");
}

TEST_F(UserNamespaceTest, IdsWithoutANumberAreRefused) {
  container::LaunchPlan plan = Mapped("true");
  plan.process.user = {"70000", "", {}, false};
  EXPECT_EQ(Run(plan).failure, "user \"70000\" is out of range");
  plan = Mapped("true");
  plan.process.user = {"bob", "", {70000}, false};
  EXPECT_EQ(Run(plan).failure_code, Code::kInvalidArgument);
}

TEST_F(UserNamespaceTest, SysctlsOfThePodAreSet) {
  pause_plan.sysctls = {{"kernel.shm_rmid_forced", "1"},
                        {"net.ipv4.ip_unprivileged_port_start", "7"},
                        {"fs.mqueue.msg_max", "5"}};
  EXPECT_EQ(Said("cat /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ip_unprivileged_port_start "
                 "/proc/sys/fs/mqueue/msg_max"),
            "1\n7\n5\n");
}

TEST_F(UserNamespaceTest, CapabilitiesAreOfThePodAlone) {
  container::LaunchPlan plan = Mapped("hostname new && hostname; chown 5:6 /etc/group && stat -c %u:%g /etc/group");
  plan.process.caps_bounding = plan.process.caps_permitted = plan.process.caps_effective = kAllCaps;
  Finished finished = Run(plan);
  EXPECT_EQ(finished.failure, "");
  EXPECT_EQ(finished.out, "new\n5:6\n");
  EXPECT_EQ(Owner(plan.upper_dir + "/etc/group"), "100005:200006");
}

TEST_F(UserNamespaceTest, AContainerNeedsThePods) {
  container::LaunchPlan plan = Mapped("true");
  pause_plan.users.reset();
  Result<Launched> launched = LaunchContainer(plan, Pod(), FdRef(), Stdio());
  ASSERT_FALSE(launched.ok());
  EXPECT_EQ(launched.error().text(), "the pod has no user namespace");
}

TEST_F(UserNamespaceTest, NobodyIsInAFreshOne) {
  auto made = MakeUserNamespace(*pause_plan.users);
  ASSERT_TRUE(made.ok()) << made.error().text();
  UniqueFd own = std::move(*sys::OpenAt(kCwd, "/proc/self/ns/user", O_RDONLY));
  EXPECT_NE(InodeOf(*made), InodeOf(own));
}

}  // namespace
}  // namespace cradle::shim
