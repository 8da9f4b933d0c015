// The mounts of a plan.
#include "container/build_mounts.h"

#include <algorithm>

#include "build_plan_fixture.h"

namespace cradle::container {
namespace {

using Strings = std::vector<std::string>;

// "kind source target flags options", one mount a line.
std::string Show(const std::vector<MountPlan>& mounts) {
  static constexpr const char* kKinds[] = {"bind", "proc", "sysfs", "tmpfs", "devpts", "mqueue", "podshm", "cgroup", "image"};
  std::string out;
  for (const MountPlan& mount : mounts) {
    out += Cat(kKinds[static_cast<int>(mount.kind)], " ", mount.host_source.empty() ? "-" : mount.host_source, " ",
               mount.target, mount.readonly ? " ro" : "", mount.recursive_readonly ? " rro" : "",
               mount.nosuid ? " nosuid" : "", mount.nodev ? " nodev" : "", mount.noexec ? " noexec" : "",
               mount.propagation == Propagation::kShared ? " shared" : "",
               mount.propagation == Propagation::kSlave ? " slave" : "", mount.mapped ? " mapped" : "", mount.options.empty() ? "" : " ",
               mount.options, "\n");
  }
  return out;
}

TEST_F(BuildPlan, DefaultMounts) {
  pod_.hostname_file = "/pod/hostname";
  pod_.hosts = "/pod/hosts";
  pod_.resolv_conf = "/pod/resolv.conf";
  EXPECT_EQ(Show(Good().mounts),
            "proc - /proc nosuid nodev noexec\n"
            "tmpfs - /dev nosuid mode=755,size=65536k\n"
            "devpts - /dev/pts nosuid noexec newinstance,ptmxmode=0666,mode=0620,gid=5\n"
            "podshm - /dev/shm nosuid nodev noexec\n"
            "mqueue - /dev/mqueue nosuid nodev noexec\n"
            "sysfs - /sys ro nosuid nodev noexec\n"
            "cgroup - /sys/fs/cgroup ro nosuid nodev noexec\n"
            "bind /pod/hostname /etc/hostname\n"
            "bind /pod/hosts /etc/hosts\n"
            "bind /pod/resolv.conf /etc/resolv.conf\n");
}

TEST_F(BuildPlan, AUserNamespaceOwnsDevAndMapsThePodsFiles) {
  pod_.hosts = "/pod/hosts";
  pod_.users = UserNamespace{{65536, 65536}, {131072, 65536}};
  spec().mounts = {{.container_path = "/a", .host_path = "/h", .mapped = true},
                   {.container_path = "/b", .host_path = "/h"}};
  const LaunchPlan plan = Good();
  EXPECT_EQ(plan.users, pod_.users);
  const std::string mounts = Show(plan.mounts);
  EXPECT_NE(mounts.find("tmpfs - /dev nosuid mode=755,size=65536k,uid=65536,gid=131072\n"), std::string::npos) << mounts;
  EXPECT_TRUE(mounts.ends_with("bind /h /a mapped\nbind /h /b\nbind /pod/hosts /etc/hosts mapped\n")) << mounts;
  spec().devices = {{.container_path = "/x", .host_path = "/dev/null", .permissions = "r"}};
  ExpectRefused(Code::kInvalidArgument, "devices.container_path \"/x\" is not below /dev");
}

TEST_F(BuildPlan, PrivilegedAndHostIpcMounts) {
  security().privileged = pod_.privileged = security().host_ipc = true;
  const std::string mounts = Show(Good().mounts);
  EXPECT_NE(mounts.find("bind /dev/shm /dev/shm nosuid nodev noexec\n"), std::string::npos) << mounts;
  EXPECT_NE(mounts.find("sysfs - /sys nosuid nodev noexec\ncgroup - /sys/fs/cgroup nosuid nodev noexec\n"),
            std::string::npos) << mounts;
}

std::string ShowAsked(const std::vector<MountPlan>& mounts) {
  std::vector<MountPlan> asked;
  std::copy_if(mounts.begin(), mounts.end(), std::back_inserter(asked),
               [](const MountPlan& mount) { return mount.kind == MountPlan::Kind::kBind; });
  return Show(asked);
}

TEST_F(BuildPlan, ParentsComeFirstAndTheRequestReplacesOurOwn) {
  pod_.hosts = "/pod/hosts";
  security().readonly_rootfs = true;
  spec().mounts = {{.container_path = "/a/b/c", .host_path = "/h1"},
                   {.container_path = "/dev/shm/", .host_path = "/h2"},
                   {.container_path = "//a/./b", .host_path = "/h3", .readonly = true, .recursive_readonly = true},
                   {.container_path = "/a", .host_path = "/h4", .propagation = Propagation::kSlave},
                   {.container_path = "/a/b/../d", .host_path = "/h5"}};
  const LaunchPlan plan = Good();
  EXPECT_EQ(ShowAsked(plan.mounts),
            "bind /h4 /a slave\n"
            "bind /pod/hosts /etc/hosts ro\n"
            "bind /h2 /dev/shm\n"
            "bind /h3 /a/b ro rro\n"
            "bind /h5 /a/d\n"
            "bind /h1 /a/b/c\n");
  EXPECT_EQ(Show(plan.mounts).find("podshm"), std::string::npos);
  EXPECT_TRUE(plan.readonly_rootfs);
}

TEST_F(BuildPlan, OwnDevOrSysOrHostsLeavesNoneOfOurs) {
  pod_.hosts = "/pod/hosts";
  security().privileged = pod_.privileged = true;
  node_.host_devices = {{.path = "/dev/fuse", .major = 10, .minor = 229}};
  spec().mounts = {{.container_path = "/dev", .host_path = "/dev"},
                   {.container_path = "/sys", .host_path = "/sys"},
                   {.container_path = "/etc/hosts", .host_path = "/mine"},
                   {.container_path = "/device", .host_path = "/x"}};
  const LaunchPlan plan = Good();
  EXPECT_EQ(Show(plan.mounts),
            "proc - /proc nosuid nodev noexec\n"
            "bind /dev /dev\n"
            "bind /sys /sys\n"
            "bind /x /device\n"
            "bind /mine /etc/hosts\n");
  EXPECT_TRUE(plan.devices.empty());
}

TEST_F(BuildPlan, NoDeviceIsMadeInADirectoryOfTheHost) {
  security().privileged = pod_.privileged = true;
  node_.host_devices = {{.path = "/dev/bus/usb/001"}, {.path = "/dev/busy"}};
  spec().devices = {{.container_path = "/dev/bus/x", .host_path = "/dev/null", .permissions = "r"}};
  spec().mounts = {{.container_path = "/dev/bus/", .host_path = "/dev/bus"}};
  const auto devices = Good().devices;
  ASSERT_EQ(devices.size(), 1u);
  EXPECT_EQ(devices[0].path, "/dev/busy");
}

TEST_F(BuildPlan, DefaultsOfTheNodeGiveWay) {
  node_.defaults = {.env = {"A=node", "B=node", "C=node"}, .rlimits = {{7, 1024, 4096}}, .timezone_file = "/zone"};
  image().env = {"B=image"};
  spec().env = {"C=pod"};
  LaunchPlan plan = Good();
  EXPECT_EQ(plan.process.env, (Strings{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=node",
                                       "B=image", "C=pod", "HOSTNAME=web-0"}));
  ASSERT_EQ(plan.process.rlimits.size(), 1u);
  EXPECT_EQ(plan.process.rlimits[0].hard, 4096u);
  EXPECT_TRUE(Show(plan.mounts).ends_with("bind /zone /etc/localtime ro\n"));
  spec().mounts = {{.container_path = "/etc/localtime", .host_path = "/mine"}};
  EXPECT_TRUE(Show(Good().mounts).ends_with("bind /mine /etc/localtime\n"));
}

TEST_F(BuildPlan, AnImageIsMountedFromItsLayers) {
  record_.volume_images = {{.image = "x", .id = "sha256:2", .layer_dirs = {"/layers/4/fs", "/layers/3/fs"}}};
  spec().mounts = {{.container_path = "/img", .host_path = {}, .noexec = true, .image = "x", .image_sub_path = "a/./b/"}};
  const MountPlan mount = Good().mounts.back();
  EXPECT_EQ(Show({mount}), "image - /img ro nodev noexec\n");
  EXPECT_EQ(mount.layers, (Strings{"/layers/4/fs", "/layers/3/fs"}));
  EXPECT_EQ(mount.image_path, "/a/b");
  spec().mounts[0].image_sub_path = "";
  EXPECT_EQ(Good().mounts.back().image_path, "/");
  record_.volume_images.clear();
  ExpectRefused(Code::kFailedPrecondition, "mounts.image \"x\" has no layers");
}

TEST_F(BuildPlan, PropagationOfTheRootIsTheWidestOfItsMounts) {
  EXPECT_EQ(Good().root_propagation, Propagation::kPrivate);
  spec().mounts = {{.container_path = "/a", .host_path = "/h", .propagation = Propagation::kSlave}};
  EXPECT_EQ(Good().root_propagation, Propagation::kSlave);
  spec().mounts.insert(spec().mounts.begin(),
                       {.container_path = "/b", .host_path = "/h", .propagation = Propagation::kShared});
  EXPECT_EQ(Good().root_propagation, Propagation::kShared);
}

TEST_F(BuildPlan, ImpossibleMountsAreRefusedByName) {
  const auto refused = [&](MountSpec mount, const std::string& text) {
    spec().mounts = {std::move(mount)};
    ExpectRefused(Code::kInvalidArgument, text);
  };
  refused({.container_path = "rel", .host_path = "/h"}, "container_path \"rel\"");
  refused({.container_path = "/a", .host_path = "rel"}, "host_path \"rel\"");
  refused({.container_path = "/a/..", .host_path = "/h"}, "root file system");
  refused({.container_path = std::string("/a\0b", 4), .host_path = "/h"}, "container_path");
  refused({.container_path = "/a", .host_path = "/h", .recursive_readonly = true}, "recursive_read_only of /a");
  refused({.container_path = "/a", .host_path = "/h", .readonly = true, .recursive_readonly = true,
           .propagation = Propagation::kSlave}, "recursive_read_only of /a");
}

TEST(CleanPath, IsLexical) {
  EXPECT_EQ(CleanPath("//a//b/./c/../"), "/a/b");
  EXPECT_EQ(CleanPath("/../.."), "/");
  EXPECT_EQ(CleanPath("///"), "/");
  EXPECT_EQ(CleanPath("a/b/"), "a/b");
  EXPECT_EQ(CleanPath(""), "");
}

}  // namespace
}  // namespace cradle::container
