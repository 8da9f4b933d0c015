// Devices that a request names, with its permissions; those of privileged containers; volumes of huge pages.
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>

#include "support/node_test.h"

namespace cradle::test {
namespace {

class Device : public NodeTest {
 protected:
  static v1::ContainerConfig With(v1::ContainerConfig config, const std::string& permissions) {
    auto* device = config.add_devices();
    device->set_host_path("/dev/fuse");
    device->set_container_path("/dev/given");
    device->set_permissions(permissions);
    return config;
  }
  std::string In(const std::string& container, const std::string& path) {
    return "/proc/" + std::to_string(PidOf(container)) + "/root" + path;
  }
};

TEST_F(Device, MayBeUsedAsTheRequestSays) {
  std::string pod = RunPod(PodConfig("pod"));
  auto able = [&](const std::string& permissions) {
    return Exec(StartNew(pod, With(Sleeper(permissions), permissions)),
                {"sh", "-c", "exec 2>/dev/null; (: < /dev/given) && echo read; (: > /dev/given) && echo write; true"})
        .stdout();
  };
  EXPECT_EQ(able("r"), "read\n");
  EXPECT_EQ(able("w"), "write\n");
  EXPECT_EQ(able("rwm"), "read\nwrite\n");
  EXPECT_EQ(able("m"), "");
}

// Also one that came after the daemon.
TEST_F(Device, OfThePrivilegedAreAllOfTheHosts) {
  std::string late = "/dev/cradle-test-" + std::to_string(::getpid());
  ::unlink(late.c_str());  // of a run that was killed: /dev is the machine's, the number is that of every run
  ASSERT_EQ(::mknod(late.c_str(), S_IFCHR | 0600, ::makedev(1, 3)), 0);
  auto pod = PodConfig("pod");
  pod.mutable_linux()->mutable_security_context()->set_privileged(true);
  auto config = Sleeper("c");
  config.mutable_linux()->mutable_security_context()->set_privileged(true);
  std::string container = StartNew(RunPod(pod), config);
  for (const auto& entry : std::filesystem::directory_iterator("/dev")) {
    struct stat own{}, given{};
    ASSERT_EQ(::lstat(entry.path().c_str(), &own), 0);
    if (!S_ISCHR(own.st_mode) || entry.path() == "/dev/console") continue;  // which is a terminal's
    EXPECT_EQ(::stat(In(container, entry.path()).c_str(), &given), 0) << entry.path();
  }
  EXPECT_EQ(::unlink(late.c_str()), 0);
  EXPECT_EQ(Exec(container, {"sh", "-c", ": <> /dev/fuse && echo opened"}).stdout(), "opened\n");
}

// A node that gives devices to the container's user.
class DeviceOwnership : public Device {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(std::filesystem::path(DropIn()).parent_path());
    WriteText(DropIn(), "[runtime]\ndevice_ownership_from_security_context = true\n");
    Restart();
    Device::SetUp();
  }
  void TearDown() override {
    RemoveAllPods();
    std::filesystem::remove(DropIn());
    Restart();
    Device::TearDown();
  }
  static std::string DropIn() { return daemon().dir() + "/config.toml.d/device.toml"; }
};

TEST_F(DeviceOwnership, IsTheUsersWhereTheNodeSaysSo) {
  auto config = With(Sleeper("c"), "rw");
  config.mutable_linux()->mutable_security_context()->mutable_run_as_user()->set_value(1000);
  config.mutable_linux()->mutable_security_context()->mutable_run_as_group()->set_value(2000);
  std::string container = StartNew(RunPod(PodConfig("pod")), config);
  EXPECT_EQ(Exec(container, {"sh", "-c", "stat -c '%u %g' /dev/given /dev/null; : <> /dev/given && echo opened"}).stdout(),
            "1000 2000\n0 0\nopened\n");
}

// As the kubelet mounts one for `medium: HugePages`.
TEST_F(Device, OfHugePagesIsAVolumeLikeOthers) {
  TempDir volume;
  if (::mount("none", volume.path().c_str(), "hugetlbfs", 0, "pagesize=2M") < 0) GTEST_SKIP() << "no huge pages of 2 MiB";
  auto config = Sleeper("c");
  auto* mount = config.add_mounts();
  mount->set_host_path(volume.path());
  mount->set_container_path("/hugepages");
  auto* limit = config.mutable_linux()->mutable_resources()->add_hugepage_limits();
  limit->set_page_size("2MB");
  limit->set_limit(4 << 20);
  std::string container = StartNew(RunPod(PodConfig("pod")), config);
  auto seen = Exec(container, {"sh", "-c", "stat -f -c '%t %S' /hugepages; : > /hugepages/x && echo made"});
  EXPECT_EQ(seen.stdout(), "958458f6 2097152\nmade\n") << seen.stderr();
  auto told = StatusOf(container).resources().linux();
  ASSERT_EQ(told.hugepage_limits_size(), 1);
  EXPECT_EQ(told.hugepage_limits(0).limit(), 4u << 20);
  if (IsCgroupV2()) {
    std::string limited = Control(container, "", "hugetlb.2MB.max");
    if (!limited.empty()) {
      EXPECT_EQ(limited, std::to_string(4 << 20));
    }
  }
  RemoveAllPods();
  EXPECT_EQ(::umount2(volume.path().c_str(), MNT_DETACH), 0);
}

}  // namespace
}  // namespace cradle::test
