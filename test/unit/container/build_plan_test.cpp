#include "container/build_plan.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>

#include "build_plan_fixture.h"
#include "container/apparmor.h"
#include "container/capabilities.h"

namespace cradle::container {
namespace {

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

}  // namespace
}  // namespace cradle::container
