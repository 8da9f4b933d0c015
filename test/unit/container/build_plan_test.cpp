#include "container/apparmor.h"
#include "container/build_plan.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>

#include <algorithm>

#include "container/build_mounts.h"
#include "container/capabilities.h"

namespace cradle::container {
namespace {

constexpr uint64_t kEveryCap = (uint64_t{1} << 41) - 1;

// Says what it was asked for.
class NamingSeccomp final : public SeccompCache {
 public:
  Result<std::string> RuntimeDefault(uint64_t caps) override { return "default " + std::to_string(caps); }
  Result<std::string> Localhost(const std::string& path, uint64_t caps) override {
    return Cat("file ", path, " ", std::to_string(caps));
  }
};

class BuildPlan : public testing::Test {
 protected:
  BuildPlan() {
    record_.id = ContainerId(std::string(64, 'a'));
    record_.image = {.id = "sha256:1", .ref = "r", .config = {}, .layer_dirs = {"/layers/2/fs", "/layers/1/fs"}};
    record_.image.config.entrypoint = {"/entry", "-x"};
    record_.image.config.cmd = {"serve"};
    node_.bounding_caps = kEveryCap;
    pod_.hostname = "web-0";
  }

  Result<LaunchPlan> Plan() { return BuildLaunchPlan(record_, pod_, node_, places_, seccomp_); }
  LaunchPlan Good() {
    auto plan = Plan();
    EXPECT_TRUE(plan.ok()) << plan.error().text();
    return plan.ok() ? std::move(*plan) : LaunchPlan();
  }
  void ExpectRefused(Code code, const std::string& text) {
    const auto plan = Plan();
    ASSERT_FALSE(plan.ok()) << "not refused: " << text;
    EXPECT_EQ(plan.error().code(), code);
    EXPECT_NE(plan.error().text().find(text), std::string::npos) << plan.error().text();
  }

  ContainerSpec& spec() { return record_.spec; }
  SecuritySpec& security() { return record_.spec.security; }
  image::ImageConfig& image() { return record_.image.config; }

  ContainerRecord record_;
  PodContext pod_;
  NodeFacts node_;
  Places places_;
  NamingSeccomp seccomp_;
};

using Strings = std::vector<std::string>;

TEST_F(BuildPlan, DevicesBelongToTheUserWhereTheNodeSaysSo) {
  spec().devices = {{.container_path = "/dev/mine", .host_path = "/dev/null", .permissions = "rw"}};
  security().run_as_user = 1000;
  security().run_as_group = 2000;
  EXPECT_EQ(Good().devices.at(0).uid, 0u);
  node_.devices_to_user = true;
  EXPECT_EQ(Good().devices.at(0).uid, 1000u);
  EXPECT_EQ(Good().devices.at(0).gid, 2000u);
  security().run_as_group.reset();
  EXPECT_EQ(Good().devices.at(0).gid, 0u);
  pod_.users = UserNamespace{{100000, 65536}, {200000, 65536}};
  EXPECT_EQ(Good().devices.at(0).uid, 101000u);
  security().run_as_user = 65536;
  EXPECT_EQ(Good().devices.at(0).uid, 0u);
}

TEST_F(BuildPlan, ADevicesOwnOwnerIsOneOfTheContainersIds) {
  spec().devices = {{.container_path = "/dev/mine", .host_path = "/dev/null", .permissions = "rw", .uid = 7, .gid = 8}};
  security().run_as_user = security().run_as_group = 1000;
  for (bool to_user : {false, true}) {
    node_.devices_to_user = to_user;
    EXPECT_EQ(Good().devices.at(0).uid, 7u);
    EXPECT_EQ(Good().devices.at(0).gid, 8u);
  }
  pod_.users = UserNamespace{{100000, 65536}, {200000, 65536}};
  EXPECT_EQ(Good().devices.at(0).uid, 100007u);
  EXPECT_EQ(Good().devices.at(0).gid, 200008u);
}

// A container as the kubelet asks for it, with a memory limit.
class BuildPlanViews : public BuildPlan {
 protected:
  BuildPlanViews() {
    pod_.views = Views::kLimited;
    places_.placement.figures = {{"memory", "/sys/fs/cgroup/memory/c"}};
    security().masked_paths = {"/proc/kcore"};
    spec().limits.memory = 64 << 20;
  }
  bool Shown() { return Good().view_places == places_.placement.figures && !Good().view_places.empty(); }
};

TEST_F(BuildPlanViews, AreForContainersWithALimit) {
  EXPECT_TRUE(Shown());
  spec().limits = {};
  EXPECT_FALSE(Shown());
  spec().limits.cpu_shares = 1024;
  EXPECT_FALSE(Shown());
  spec().limits.cpu_quota = 50000;
  EXPECT_TRUE(Shown());
  spec().limits = {};
  spec().limits.cpuset_cpus = "0";
  EXPECT_TRUE(Shown());
  spec().limits = {};
  pod_.views = Views::kAll;
  EXPECT_TRUE(Shown());
  pod_.views = Views::kOff;
  EXPECT_FALSE(Shown());
}

TEST_F(BuildPlanViews, AreNotForWhoWantsTheKernelsOwn) {
  security().masked_paths = {};
  EXPECT_FALSE(Shown());
  pod_.views = Views::kAsked;
  EXPECT_TRUE(Shown());
  pod_.views = Views::kLimited;
  security().masked_paths = {"/proc/kcore"};
  security().privileged = pod_.privileged = true;
  EXPECT_FALSE(Shown());
  pod_.views = Views::kAsked;
  EXPECT_TRUE(Shown());
}

TEST_F(BuildPlanViews, AreNotPutOverAProcOfTheRequests) {
  pod_.views = Views::kAsked;
  spec().mounts = {{.container_path = "/proc", .host_path = "/proc"}};
  EXPECT_FALSE(Shown());
  spec().mounts = {{.container_path = "/sys", .host_path = "/sys"}};
  EXPECT_FALSE(Shown());
  spec().mounts = {{.container_path = "/proc/uptime", .host_path = "/uptime"}};
  EXPECT_TRUE(Shown());
}

TEST_F(BuildPlan, CommandAndArgsReplaceTheImagesAsInDocker) {
  EXPECT_EQ(Good().process.args, (Strings{"/entry", "-x", "serve"}));
  spec().args = {"other"};
  EXPECT_EQ(Good().process.args, (Strings{"/entry", "-x", "other"}));
  spec().command = {"sh"};
  EXPECT_EQ(Good().process.args, (Strings{"sh", "other"}));
  spec().args = {};
  EXPECT_EQ(Good().process.args, (Strings{"sh"}));
  spec().command = {};
  image().entrypoint = {""};
  EXPECT_EQ(Good().process.args, (Strings{"serve"}));
}

TEST_F(BuildPlan, NoUsableCommandIsRefused) {
  spec().command = {"a", std::string("b\0c", 3)};
  ExpectRefused(Code::kInvalidArgument, "NUL");
  spec().command = {""};
  ExpectRefused(Code::kInvalidArgument, "command");
  spec().command = {};
  image().entrypoint = image().cmd = {};
  ExpectRefused(Code::kInvalidArgument, "no command specified");
}

TEST_F(BuildPlan, LaterEnvironmentWinsInTheEarlierOnesPlace) {
  image().env = {"PATH=/image", "A=1", "B=2", "junk", "=x", std::string("N=\0", 3)};
  spec().env = {"B=3", "C=4", "B=5", "AA=6", "E="};
  EXPECT_EQ(Good().process.env,
            (Strings{"PATH=/image", "HOSTNAME=web-0", "A=1", "B=5", "C=4", "AA=6", "E="}));
  spec().env = {"HOSTNAME=mine"};
  spec().tty = true;
  image().env = {};
  EXPECT_EQ(Good().process.env, (Strings{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                         "TERM=xterm", "HOSTNAME=mine"}));
  EXPECT_TRUE(Good().process.terminal);
  for (const std::string& bad : {std::string("novalue"), std::string("=v"), std::string("K=\0", 3)}) {
    spec().env = {bad};
    ExpectRefused(Code::kInvalidArgument, "envs");
  }
}

TEST_F(BuildPlan, WorkingDirectoryIsTheRequestsThenTheImagesThenTheRoot) {
  EXPECT_EQ(Good().process.cwd, "/");
  image().working_dir = "/image";
  EXPECT_EQ(Good().process.cwd, "/image");
  spec().working_dir = "/asked";
  EXPECT_EQ(Good().process.cwd, "/asked");
  spec().working_dir = "relative";
  ExpectRefused(Code::kInvalidArgument, "working_dir \"relative\"");
}

TEST_F(BuildPlan, UserIsTheRequestsElseTheImages) {
  const auto user = [&] { return Good().process.user.user + ":" + Good().process.user.group; };
  EXPECT_EQ(user(), ":");
  const std::pair<const char*, const char*> images[] = {
      {"1002", "1002:"},         {"www-data", "www-data:"}, {"1003:1004", "1003:1004"}, {"www-data:1004", "www-data:1004"},
      {"5:staff", "5:staff"},    {"web:", "web:"},          {"+007", "7:"},             {"12ab", "12ab:"},
      {"2147483647", "2147483647:"}};
  for (const auto& [text, expected] : images) {
    image().user = text;
    EXPECT_EQ(user(), expected);
  }
  for (const char* bad : {"2147483648", "-1", "99999999999999999999", "0:4294967296", "a:b:c", "a\nb"}) {
    image().user = bad;
    ExpectRefused(Code::kInvalidArgument, "USER");
  }
  security().run_as_user = 4294967294;
  EXPECT_EQ(user(), "4294967294:");
  security().run_as_group = 12;
  EXPECT_EQ(user(), "4294967294:12");
  security().run_as_username = "nobody";
  EXPECT_EQ(user(), "nobody:12");
  security().run_as_username.clear();
  security().run_as_user.reset();
  ExpectRefused(Code::kInvalidArgument, "run_as_group 12");
}

TEST_F(BuildPlan, GroupsGoAlong) {
  security().supplemental_groups = {1234, 5};
  security().strict_groups = true;
  EXPECT_EQ(Good().process.user.supplemental_groups, (std::vector<uint32_t>{1234, 5}));
  EXPECT_TRUE(Good().process.user.strict_groups);
}

TEST_F(BuildPlan, CapabilitiesAreTheSameInTheThreeSets) {
  const ProcessPlan process = Good().process;
  EXPECT_EQ(process.caps_bounding, 0xa80425fbu);  // what docker run shows as CapBnd
  EXPECT_EQ(process.caps_permitted, process.caps_bounding);
  EXPECT_EQ(process.caps_effective, process.caps_bounding);
  EXPECT_EQ(process.caps_inheritable, 0u);
  EXPECT_EQ(process.caps_ambient, 0u);
}

TEST_F(BuildPlan, SeccompFollowsTheRequestAndTheCapabilities) {
  EXPECT_EQ(Good().process.seccomp_bpf, "");
  security().seccomp.type = SeccompSpec::Type::kRuntimeDefault;
  EXPECT_EQ(Good().process.seccomp_bpf, "default " + std::to_string(0xa80425fbu));
  security().seccomp = {SeccompSpec::Type::kLocalhost, "/p.json"};
  EXPECT_EQ(Good().process.seccomp_bpf, "file /p.json " + std::to_string(0xa80425fbu));
  security().privileged = pod_.privileged = true;
  EXPECT_EQ(Good().process.seccomp_bpf, "");
}

TEST_F(BuildPlan, OomScoreIsAlwaysSetAndNeverBelowWhatTheKernelAllows) {
  EXPECT_EQ(Good().process.oom_score_adj, 0);
  spec().oom_score_adj = -997;
  EXPECT_EQ(Good().process.oom_score_adj, -997);
  node_.bounding_caps &= ~(uint64_t{1} << CAP_SYS_RESOURCE);
  node_.oom_score_adj = 100;
  EXPECT_EQ(Good().process.oom_score_adj, 100);
  spec().oom_score_adj = 1000;
  EXPECT_EQ(Good().process.oom_score_adj, 1000);
  spec().oom_score_adj = 1001;
  ExpectRefused(Code::kInvalidArgument, "oom_score_adj 1001");
  spec().oom_score_adj = int64_t{-1} << 40;
  ExpectRefused(Code::kInvalidArgument, "oom_score_adj");
}

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

TEST_F(BuildPlan, MaskedAndReadonlyPathsAreAsGivenButForPrivileged) {
  EXPECT_TRUE(Good().masked_paths.empty());
  security().masked_paths = {"/proc/kcore"};
  security().readonly_paths = {"/proc/sys"};
  EXPECT_EQ(Good().masked_paths, Strings{"/proc/kcore"});
  EXPECT_EQ(Good().readonly_paths, Strings{"/proc/sys"});
  security().privileged = pod_.privileged = true;
  EXPECT_TRUE(Good().masked_paths.empty());
  EXPECT_TRUE(Good().readonly_paths.empty());
  security().masked_paths = {"proc"};
  ExpectRefused(Code::kInvalidArgument, "masked_paths \"proc\"");
}

TEST_F(BuildPlan, PrivilegedNeedsAPrivilegedPodAndGetsAllTheNodeHas) {
  security().privileged = true;
  ExpectRefused(Code::kFailedPrecondition, "privileged");
  pod_.privileged = true;
  node_.bounding_caps = kEveryCap & ~(uint64_t{1} << CAP_SYS_RESOURCE);
  node_.host_devices = {{.path = "/dev/fuse", .major = 10, .minor = 229}, {.path = "/dev/zero2", .major = 9}};
  spec().devices = {{.container_path = "/dev/zero2", .host_path = "/dev/zero", .permissions = "r"}};
  const LaunchPlan plan = Good();
  EXPECT_EQ(plan.process.caps_bounding, node_.bounding_caps);
  ASSERT_EQ(plan.devices.size(), 2u);
  EXPECT_EQ(plan.devices[0].path, "/dev/zero2");
  EXPECT_EQ(plan.devices[0].major, 1u);
  EXPECT_EQ(plan.devices[1].path, "/dev/fuse");
}

TEST_F(BuildPlan, AppArmorConfinesWhereTheKernelHasIt) {
  using Type = AppArmorSpec::Type;
  node_.apparmor = node_.apparmor_default = true;
  EXPECT_EQ(Good().process.apparmor_profile, kAppArmorDefault);
  security().apparmor = {.type = Type::kLocalhost, .profile = "x"};
  EXPECT_EQ(Good().process.apparmor_profile, "x");
  security().apparmor = {.type = Type::kUnconfined, .profile = ""};
  EXPECT_EQ(Good().process.apparmor_profile, "");
  security().apparmor = {};
  security().privileged = pod_.privileged = true;
  EXPECT_EQ(Good().process.apparmor_profile, "");
}

TEST_F(BuildPlan, WithoutAppArmorOnlyAProfileByNameIsRefused) {
  EXPECT_EQ(Good().process.apparmor_profile, "");
  security().apparmor = {.type = AppArmorSpec::Type::kLocalhost, .profile = "x"};
  ExpectRefused(Code::kFailedPrecondition, "apparmor profile \"x\": the kernel has no AppArmor");
  node_.apparmor = true;  // but no parser that would load ours
  EXPECT_EQ(Good().process.apparmor_profile, "x");
  security().apparmor = {};
  EXPECT_EQ(Good().process.apparmor_profile, "");
}

TEST_F(BuildPlan, NamespacesOfThePodAreJoinedUnlessTheHosts) {
  EXPECT_EQ(Good().join_namespaces, uint64_t{CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC});
  security().host_network = true;
  EXPECT_EQ(Good().join_namespaces, uint64_t{CLONE_NEWIPC});
  security().host_ipc = true;
  EXPECT_EQ(Good().join_namespaces, 0u);
  security().pid_mode = PidMode::kTarget;
  security().pid_target = "t";
  EXPECT_EQ(Good().pid_mode, PidMode::kTarget);
  EXPECT_EQ(Good().pid_target, "t");
}

TEST_F(BuildPlan, PlacesStdinAndVolumesGoAlong) {
  places_ = {.upper_dir = "/u", .work_dir = "/w", .placement = {{"/cg/cpu/x"}, "/cg/unified/x", "/cg/oom", false, {}}};
  record_.log_path = "/logs/0.log";
  spec().stdin_open = spec().stdin_once = true;
  image().volumes = {"/data", "relative", "/", "/data/../srv/", "/mnt", std::string("/n\0", 3)};
  spec().mounts = {{.container_path = "/mnt", .host_path = "/h"}};
  node_.overlay_volatile = false;
  const LaunchPlan plan = Good();
  EXPECT_EQ(plan.container_id, std::string(64, 'a'));
  EXPECT_EQ(plan.upper_dir, "/u");
  EXPECT_EQ(plan.work_dir, "/w");
  EXPECT_EQ(plan.lower_dirs, (Strings{"/layers/2/fs", "/layers/1/fs"}));
  EXPECT_EQ(plan.cgroup_join, Strings{"/cg/cpu/x"});
  EXPECT_EQ(plan.cgroup_v2, "/cg/unified/x");
  EXPECT_EQ(plan.oom_file, "/cg/oom");
  EXPECT_EQ(plan.log_path, "/logs/0.log");
  EXPECT_EQ(plan.volume_dirs, (Strings{"/data", "/srv"}));
  EXPECT_TRUE(plan.keep_stdin);
  EXPECT_TRUE(plan.stdin_once);
  EXPECT_FALSE(plan.overlay_volatile);
  record_.image.layer_dirs.clear();
  ExpectRefused(Code::kFailedPrecondition, "no layers");
}

uint64_t Bit(int capability) { return uint64_t{1} << capability; }

TEST(Capabilities, AddAndDrop) {
  const auto granted = [](Strings add, Strings drop) {
    SecuritySpec security;
    security.caps_add = std::move(add);
    security.caps_drop = std::move(drop);
    const auto caps = BuildCapabilities(security, kEveryCap);
    EXPECT_TRUE(caps.ok());
    return caps->granted;
  };
  EXPECT_EQ(granted({"NET_ADMIN"}, {"CHOWN"}), (kDefaultCapabilities | Bit(CAP_NET_ADMIN)) & ~Bit(CAP_CHOWN));
  EXPECT_EQ(granted({"CAP_SYS_TIME", "cap_syslog"}, {}), kDefaultCapabilities | Bit(CAP_SYS_TIME) | Bit(CAP_SYSLOG));
  EXPECT_EQ(granted({"ALL"}, {}), kEveryCap);
  EXPECT_EQ(granted({"ALL"}, {"CHECKPOINT_RESTORE"}), kEveryCap & ~Bit(CAP_CHECKPOINT_RESTORE));
  EXPECT_EQ(granted({}, {"ALL"}), 0u);
  EXPECT_EQ(granted({"KILL"}, {"ALL"}), Bit(CAP_KILL));
  EXPECT_EQ(granted({"KILL"}, {"KILL"}), kDefaultCapabilities & ~Bit(CAP_KILL));
}

TEST(Capabilities, AmbientOnesMustBeGranted) {
  SecuritySpec security;
  security.caps_ambient = {"NET_BIND_SERVICE"};
  EXPECT_EQ(BuildCapabilities(security, kEveryCap)->ambient, Bit(CAP_NET_BIND_SERVICE));
  EXPECT_EQ(BuildCapabilities(security, 0)->ambient, 0u);
  security.caps_ambient = {"SYS_ADMIN"};
  EXPECT_FALSE(BuildCapabilities(security, kEveryCap).ok());
}

TEST(Capabilities, UnknownNamesAreRefusedByName) {
  SecuritySpec security;
  security.caps_drop = {"CAP_FLYING"};
  const auto caps = BuildCapabilities(security, kEveryCap);
  ASSERT_FALSE(caps.ok());
  EXPECT_EQ(caps.error().code(), Code::kInvalidArgument);
  EXPECT_EQ(caps.error().text(), "capabilities.drop_capabilities: unknown capability \"CAP_FLYING\"");
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
