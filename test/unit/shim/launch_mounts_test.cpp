#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/sys/file.h"
#include "base/sys/mount.h"
#include "launch_fixture.h"

namespace cradle::shim {
namespace {

using MountsTest = LaunchTest;
using container::Propagation;
using Kind = MountPlan::Kind;

// A tmpfs on the host's side, of the given propagation; gone with the scope.
class HostMount {
 public:
  HostMount(std::string path, unsigned long propagation) : path_(std::move(path)) {
    EXPECT_EQ(mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=1m"), 0);
    EXPECT_EQ(mount(nullptr, path_.c_str(), nullptr, propagation, nullptr), 0);
  }
  HostMount(const HostMount&) = delete;
  HostMount& operator=(const HostMount&) = delete;
  ~HostMount() { EXPECT_EQ(umount2(path_.c_str(), MNT_DETACH), 0); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void Put(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
bool HasMount(const std::string& path) {
  return Contains(ReadText("/proc/self/mountinfo"), " " + path + " ");
}

TEST_F(MountsTest, TheRootIsACopyOnWriteViewOfTheLayers) {
  std::string upper_layer = Host("layer");
  Put(upper_layer + "/file", "from above\n");
  Write("/file", "from below\n");
  Write("/other", "below\n");
  container::LaunchPlan plan = Plan("cat /file /other; echo mine >/file");
  plan.lower_dirs.insert(plan.lower_dirs.begin(), upper_layer);
  EXPECT_EQ(Run(plan).out, "from above\nbelow\n");
  EXPECT_EQ(ReadText(plan.upper_dir + "/file"), "mine\n");
  EXPECT_EQ(ReadText(upper_layer + "/file"), "from above\n");
}

TEST_F(MountsTest, ManyLayersAreOneRoot) {
  container::LaunchPlan plan = Plan("ls / | grep -c ^layer-");
  for (int i = 0; i < 120; ++i) {
    std::string layer = Host("l" + std::to_string(i));
    Put(layer + "/layer-" + std::to_string(i), "");
    plan.lower_dirs.insert(plan.lower_dirs.begin(), layer);
  }
  EXPECT_EQ(Run(plan).out, "120\n");
}

TEST_F(MountsTest, AMissingLayerIsNamed) {
  container::LaunchPlan plan = Plan("true");
  plan.lower_dirs.push_back(dir() + "/no-layer");
  Finished finished = Run(plan);
  EXPECT_EQ(finished.failure,
            "mount the root file system: " + dir() + "/no-layer: No such file or directory");
  EXPECT_EQ(finished.failure_code, Code::kInternal);
}

TEST_F(MountsTest, NothingOfTheHostIsInSight) {
  std::string mounts = Output("cat /proc/self/mountinfo");
  EXPECT_EQ(std::count(mounts.begin(), mounts.end(), '\n'), 5)
      << mounts;  // root, proc, dev, pts, shm
}

TEST_F(MountsTest, AReadonlyRootKeepsItsVolumesWritable) {
  container::LaunchPlan plan = Plan("touch /x; touch /data/x && echo written");
  plan.readonly_rootfs = true;
  plan.mounts.push_back(Bind(Host("data"), "/data"));
  Finished finished = Run(plan);
  EXPECT_EQ(finished.out, "touch: /x: Read-only file system\nwritten\n");
  EXPECT_TRUE(std::filesystem::exists(dir() + "/data/x"));
}

TEST_F(MountsTest, BindsDirectoriesAndFilesAndMakesTheirTargets) {
  std::string data = Host("data");
  Put(data + "/file", "content\n");
  container::LaunchPlan plan = Plan("cat /new/dir/file /new/single");
  plan.mounts.push_back(Bind(data, "/new/dir"));
  plan.mounts.push_back(Bind(data + "/file", "/new/single"));
  EXPECT_EQ(Run(plan).out, "content\ncontent\n");
}

TEST_F(MountsTest, AMissingSourceIsNamedWithItsTarget) {
  container::LaunchPlan plan = Plan("true");
  plan.mounts.push_back(Bind(dir() + "/nothing", "/data"));
  Finished finished = Run(plan);
  EXPECT_EQ(finished.failure,
            "mount at \"/data\": host_path \"" + dir() + "/nothing\": No such file or directory");
  EXPECT_EQ(finished.failure_code, Code::kNotFound);
  EXPECT_EQ(finished.code, 127);
}

TEST_F(MountsTest, ADirectoryDoesNotGoOnAFile) {
  container::LaunchPlan plan = Plan("true");
  plan.mounts.push_back(Bind(Host("data"), "/etc/passwd"));
  EXPECT_EQ(Run(plan).failure, "mount \"" + dir() + "/data\" at \"/etc/passwd\": Not a directory");
  plan = Plan("true");
  plan.mounts.push_back(Bind(Image("/etc/group"), "/tmp"));
  EXPECT_EQ(Run(plan).failure, "mount \"" + Image("/etc/group") + "\" at \"/tmp\": Is a directory");
}

TEST_F(MountsTest, ReadonlyCoversTheMountAndRecursiveTheOnesBelow) {
  std::string data = Host("data");
  ASSERT_EQ(mkdir((data + "/below").c_str(), 0755), 0);
  HostMount below(data + "/below", MS_PRIVATE);
  container::LaunchPlan plan =
      Plan("for d in /ro /rro; do touch $d/x; touch $d/below/x && echo $d/below written; done");
  plan.mounts.push_back(Bind(data, "/ro"));
  plan.mounts.back().readonly = true;
  plan.mounts.push_back(Bind(data, "/rro"));
  plan.mounts.back().readonly = plan.mounts.back().recursive_readonly = true;
  EXPECT_EQ(Run(plan).out,
            "touch: /ro/x: Read-only file system\n/ro/below written\n"
            "touch: /rro/x: Read-only file system\ntouch: /rro/below/x: Read-only file system\n");
  EXPECT_FALSE(std::filesystem::exists(data + "/x"));
}

TEST_F(MountsTest, AttributesOfTheSourceStayAndThoseAskedForAreAdded) {
  HostMount source(Host("data"), MS_PRIVATE);
  ASSERT_EQ(
      mount(nullptr, source.path().c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_NOEXEC, nullptr), 0);
  container::LaunchPlan plan = Plan("grep ' /data ' /proc/self/mountinfo | cut -d' ' -f6");
  plan.mounts.push_back(Bind(source.path(), "/data"));
  plan.mounts.back().nosuid = plan.mounts.back().nodev = true;
  EXPECT_EQ(Run(plan).out, "rw,nosuid,nodev,noexec,relatime\n");
}

TEST_F(MountsTest, ASlaveSeesWhatTheHostMountsLater) {
  HostMount source(Host("data"), MS_SHARED);
  std::string later = source.path() + "/later";
  ASSERT_EQ(mkdir(later.c_str(), 0755), 0);
  container::LaunchPlan plan = Plan(
      "echo up; read x; cat /data/later/file; mkdir /data/mine; mount -t tmpfs mine /data/mine; "
      "echo $?; read x");
  plan.process.caps_bounding = plan.process.caps_permitted = plan.process.caps_effective = kAllCaps;
  plan.mounts.push_back(Bind(source.path(), "/data"));
  plan.mounts.back().propagation = Propagation::kSlave;
  Running container = Launch(plan);
  ASSERT_EQ(container.Start(), "");
  ASSERT_EQ(container.ReadLine(), "up\n");
  ASSERT_EQ(mount("tmpfs", later.c_str(), "tmpfs", 0, "size=1m"), 0);
  Put(later + "/file", "late\n");
  container.Say("\n");
  EXPECT_EQ(container.ReadLine(), "late\n");
  EXPECT_EQ(container.ReadLine(), "0\n");
  EXPECT_FALSE(HasMount(source.path() + "/mine"));
  container.Say("\n");
  EXPECT_EQ(container.Finish().code, 0);
}

TEST_F(MountsTest, ASharedMountGoesBothWays) {
  HostMount source(Host("data"), MS_SHARED);
  std::string later = source.path() + "/later";
  ASSERT_EQ(mkdir(later.c_str(), 0755), 0);
  container::LaunchPlan plan = Plan(
      "echo up; read x; cat /data/later/file; mkdir /data/mine; mount -t tmpfs mine /data/mine; "
      "echo $?; read x");
  plan.process.caps_bounding = plan.process.caps_permitted = plan.process.caps_effective = kAllCaps;
  plan.mounts.push_back(Bind(source.path(), "/data"));
  plan.mounts.back().propagation = Propagation::kShared;
  Running container = Launch(plan);
  ASSERT_EQ(container.Start(), "");
  ASSERT_EQ(container.ReadLine(), "up\n");
  ASSERT_EQ(mount("tmpfs", later.c_str(), "tmpfs", 0, "size=1m"), 0);
  Put(later + "/file", "late\n");
  container.Say("\n");
  EXPECT_EQ(container.ReadLine(), "late\n");
  EXPECT_EQ(container.ReadLine(), "0\n");
  EXPECT_TRUE(HasMount(source.path() + "/mine"));
  container.Say("\n");
  EXPECT_EQ(container.Finish().code, 0);
}

TEST_F(MountsTest, APrivateMountSeesNothingLater) {
  HostMount source(Host("data"), MS_SHARED);
  std::string later = source.path() + "/later";
  ASSERT_EQ(mkdir(later.c_str(), 0755), 0);
  container::LaunchPlan plan = Plan("echo up; read x; ls /data/later");
  plan.mounts.push_back(Bind(source.path(), "/data"));
  Running container = Launch(plan);
  ASSERT_EQ(container.Start(), "");
  ASSERT_EQ(container.ReadLine(), "up\n");
  ASSERT_EQ(mount("tmpfs", later.c_str(), "tmpfs", 0, "size=1m"), 0);
  Put(later + "/file", "late\n");
  container.Say("\n");
  EXPECT_EQ(container.Finish().out, "");
}

TEST_F(MountsTest, PropagationNeedsASourceThatPropagates) {
  HostMount source(Host("data"), MS_PRIVATE);
  for (Propagation propagation : {Propagation::kSlave, Propagation::kShared}) {
    container::LaunchPlan plan = Plan("true");
    plan.mounts.push_back(Bind(source.path(), "/data"));
    plan.mounts.back().propagation = propagation;
    Finished finished = Run(plan);
    EXPECT_EQ(finished.failure,
              "path \"" + source.path() + "\" is not on a " +
                  (propagation == Propagation::kShared ? "shared" : "shared or slave") + " mount");
    EXPECT_EQ(finished.failure_code, Code::kFailedPrecondition);
  }
}

TEST_F(MountsTest, ASlaveOfTheHostsMayNotBecomeShared) {
  HostMount source(Host("data"), MS_SHARED);
  HostMount slave(Host("slave"), MS_PRIVATE);
  ASSERT_EQ(mount(source.path().c_str(), slave.path().c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(mount(nullptr, slave.path().c_str(), nullptr, MS_SLAVE, nullptr), 0);
  container::LaunchPlan plan = Plan("echo fine");
  plan.mounts.push_back(Bind(slave.path(), "/data"));
  plan.mounts.back().propagation = Propagation::kSlave;
  EXPECT_EQ(Run(plan).out, "fine\n");
  plan = Plan("true");
  plan.mounts.push_back(Bind(slave.path(), "/data"));
  plan.mounts.back().propagation = Propagation::kShared;
  EXPECT_TRUE(Contains(Run(plan).failure, "is not on a shared mount"));
  ASSERT_EQ(umount2(slave.path().c_str(), MNT_DETACH), 0);
}

TEST_F(MountsTest, TwoContainersShareThePodsSharedMemory) {
  Running first = Launch(Plan("echo word >/dev/shm/x; echo up; cat"));
  ASSERT_EQ(first.Start(), "");
  ASSERT_EQ(first.ReadLine(), "up\n");
  EXPECT_EQ(Output("cat /dev/shm/x; stat -c %a /dev/shm; grep ' /dev/shm ' /proc/self/mountinfo | "
                   "cut -d' ' -f6"),
            "word\n1777\nrw,nosuid,nodev,noexec,relatime\n");
}

TEST_F(MountsTest, DefaultDevicesAreThere) {
  EXPECT_EQ(
      Output("cd /dev; stat -c '%n %t:%T %a' null zero full random urandom tty; for l in fd stdin "
             "stdout stderr core ptmx; do readlink $l; done"),
      "null 1:3 666\nzero 1:5 666\nfull 1:7 666\nrandom 1:8 666\nurandom 1:9 666\ntty 5:0 666\n"
      "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\n/proc/kcore\npts/ptmx\n");
}

TEST_F(MountsTest, PlannedDevicesHaveTheirOwnersAndModes) {
  container::LaunchPlan plan =
      Plan("stat -c '%F %t:%T %a %u:%g' /dev/net/tun /dev/null /odd/block");
  plan.devices = {{"/dev/net/tun", false, 10, 200, 0600, 1000, 1001},
                  {"/dev/null", false, 1, 3, 0600, 5, 6},
                  {"/odd/block", true, 7, 300, 0640, 0, 0}};
  EXPECT_EQ(Run(plan).out,
            "character special file a:c8 600 1000:1001\ncharacter special file 1:3 600 5:6\n"
            "block special file 7:12c 640 0:0\n");
}

TEST_F(MountsTest, MaskedPathsAreEmptyAndReadonlyOnesStay) {
  Write("/secret/file", "hidden\n");
  Write("/fixed/file", "seen\n");
  container::LaunchPlan plan = Plan(
      "wc -c </proc/timer_list; ls /secret; touch /secret/x; cat /fixed/file; touch /fixed/x; echo "
      "x >/proc/sys/kernel/hostname");
  plan.masked_paths = {"/proc/timer_list", "/secret", "/proc/no-such", "/etc/passwd/under"};
  plan.readonly_paths = {"/fixed", "/proc/sys", "/no-such"};
  std::string out = Run(plan).out;
  EXPECT_EQ(
      out,
      "0\ntouch: /secret/x: Read-only file system\nseen\ntouch: /fixed/x: Read-only file system\n"
      "/bin/sh: can't create /proc/sys/kernel/hostname: Read-only file system\n");
}

TEST_F(MountsTest, AMaskNeedsTheRealNullDevice) {
  container::LaunchPlan plan = Plan("true");
  Put(dir() + "/fake", "rw\n");
  plan.mounts.push_back(Bind(dir() + "/fake", "/dev/null"));
  plan.masked_paths = {"/proc/timer_list"};
  EXPECT_TRUE(Run(plan).failure.starts_with("mask \"/proc/timer_list\""))
      << "masked by what the container chose";
}

TEST_F(MountsTest, MaskingFollowsNoLinkOutOfTheRoot) {
  Put(dir() + "/outside", "outside\n");
  ASSERT_EQ(symlink((dir() + "/outside").c_str(), Image("/trap").c_str()), 0);
  container::LaunchPlan plan = Plan("echo fine");
  plan.masked_paths = {"/trap"};
  EXPECT_EQ(Run(plan).out, "fine\n");
  EXPECT_EQ(ReadText(dir() + "/outside"), "outside\n");
}

TEST_F(MountsTest, LinksOfTheImageStayInsideIt) {
  std::string outside = Host("outside");
  Put(dir() + "/data", "bound\n");
  ASSERT_EQ(symlink(outside.c_str(), Image("/absolute").c_str()), 0);
  ASSERT_EQ(symlink(("../../../../.." + outside).c_str(), Image("/relative").c_str()), 0);
  container::LaunchPlan plan = Plan("cat /absolute/one /relative/two; cat " + outside + "/one");
  plan.mounts.push_back(Bind(dir() + "/data", "/absolute/one"));
  plan.mounts.push_back(Bind(dir() + "/data", "/relative/two"));
  EXPECT_EQ(Run(plan).out, "bound\nbound\nbound\n");
  EXPECT_TRUE(std::filesystem::is_empty(outside));
}

TEST_F(MountsTest, ADanglingLinkAsATargetIsMadeInside) {
  Put(dir() + "/resolv", "nameserver\n");
  ASSERT_EQ(symlink("../run/resolve/stub", Image("/etc/resolv.conf").c_str()), 0);
  ASSERT_EQ(symlink("/run", Image("/var").c_str()), 0);
  container::LaunchPlan plan = Plan("cat /etc/resolv.conf /run/resolve/stub; ls -d /run/secrets");
  plan.mounts.push_back(Bind(dir() + "/resolv", "/etc/resolv.conf"));
  plan.mounts.push_back(Bind(Host("secrets"), "/var/secrets"));
  EXPECT_EQ(Run(plan).out, "nameserver\nnameserver\n/run/secrets\n");
}

TEST_F(MountsTest, ALinkToItselfIsAnError) {
  ASSERT_EQ(symlink("loop", Image("/loop").c_str()), 0);
  container::LaunchPlan plan = Plan("true");
  plan.mounts.push_back(Bind(Host("data"), "/loop/x"));
  EXPECT_TRUE(Contains(Run(plan).failure, "Too many levels of symbolic links"));
}

TEST_F(MountsTest, ADevThatIsALinkIsHarmless) {
  std::string outside = Host("outside");
  ASSERT_EQ(symlink(outside.c_str(), Image("/dev").c_str()), 0);
  EXPECT_EQ(Output("test -c /dev/null && echo null").substr(0, 5), "null\n");
  EXPECT_TRUE(std::filesystem::is_empty(outside));
}

TEST_F(MountsTest, AProcThatIsALinkIsRefused) {
  ASSERT_EQ(mkdir(Image("/elsewhere").c_str(), 0755), 0);
  ASSERT_EQ(symlink("elsewhere", Image("/proc").c_str()), 0);
  Finished finished = Run(Plan("true"));
  EXPECT_EQ(finished.failure, "mount \"proc\" at \"/proc\": Too many levels of symbolic links");
}

TEST_F(MountsTest, TheCgroupMountShowsTheContainersOwnGroups) {
  Group group = MakeGroup("mounted");
  container::LaunchPlan plan =
      Plan("grep cgroup /proc/self/mountinfo | cut -d' ' -f4-6; touch /sys/fs/cgroup/x 2>&1");
  plan.cgroup_join = group.v1;
  plan.cgroup_v2 = group.v2;
  plan.mounts.push_back(Mount(Kind::kSysfs, "/sys"));
  plan.mounts.push_back(Mount(Kind::kCgroup, "/sys/fs/cgroup"));
  plan.mounts.back().readonly = plan.mounts.back().nosuid = plan.mounts.back().nodev =
      plan.mounts.back().noexec = true;
  std::string out = Run(plan).out;
  std::string host = ReadText("/proc/self/mountinfo");
  bool v1 = Contains(host, " - cgroup ");
  EXPECT_TRUE(Contains(out, "/ /sys/fs/cgroup")) << out;
  EXPECT_FALSE(Contains(out, "/..")) << "a group above the container's: " << out;
  EXPECT_FALSE(Contains(out, " rw,")) << out;
  EXPECT_EQ(Contains(out, "/ /sys/fs/cgroup/memory ro,"),
            v1 && Contains(host, " /sys/fs/cgroup/memory "))
      << out;
  EXPECT_TRUE(Contains(out, "touch: /sys/fs/cgroup/x: ")) << out;
}

TEST_F(MountsTest, SysctlsOfTheContainerAreItsPods) {
  container::LaunchPlan plan = Plan("cat /sys/class/net/lo/ifindex; ls /sys/class/net");
  plan.mounts.push_back(Mount(Kind::kSysfs, "/sys"));
  plan.mounts.push_back(Mount(Kind::kMqueue, "/dev/mqueue"));
  EXPECT_EQ(Run(plan).out, "1\nlo\n");
}

TEST_F(MountsTest, ASharedRootIsOneInside) {
  container::LaunchPlan plan =
      Plan("grep -c '^[0-9]* [0-9]* [0-9:]* / / .* shared:' /proc/self/mountinfo");
  plan.root_propagation = Propagation::kShared;
  EXPECT_EQ(Run(plan).out, "1\n");
}

}  // namespace
}  // namespace cradle::shim
