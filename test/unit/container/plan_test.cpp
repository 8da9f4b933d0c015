#include "container/plan.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <functional>

#include "base/wire.h"

namespace cradle::container {
namespace {

ProcessPlan FullProcess() {
  ProcessPlan p;
  p.args = {"/bin/sh", "", "-c"};
  p.env = {"A=1", "B="};
  p.cwd = "/work";
  p.terminal = true;
  p.resolved = ResolvedUser{1, 2, {2, 3, 4294967294}};
  p.user = {"bob", "7", {5, 6}, true};
  p.caps_bounding = ~uint64_t{0};
  p.caps_permitted = 2;
  p.caps_effective = 3;
  p.caps_inheritable = 4;
  p.caps_ambient = 5;
  p.no_new_privs = true;
  p.seccomp_bpf = std::string("\0\1\2\3\4\5\6\7", 8);
  p.rlimits = {{7, 1024, ~uint64_t{0}}};
  p.oom_score_adj = -997;
  p.apparmor_profile = "web";
  p.selinux_label = "u:r:t:s0:c1,c2";
  return p;
}

LaunchPlan FullLaunch() {
  LaunchPlan p;
  p.container_id = std::string(64, 'a');
  p.cgroup_join = {"/cg/a", "/cg/b"};
  p.cgroup_v2 = "/cg/v2";
  p.oom_file = "/cg/oom";
  p.pid_mode = PidMode::kTarget;
  p.pid_target = std::string(64, 'b');
  p.join_namespaces = CLONE_NEWNET | CLONE_NEWIPC;
  p.lower_dirs = {"/l/1", "/l/2"};
  p.upper_dir = "/u";
  p.work_dir = "/w";
  p.overlay_volatile = false;
  p.readonly_rootfs = true;
  p.root_propagation = Propagation::kSlave;
  MountPlan bind;
  bind.host_source = "/src";
  bind.target = "/data";
  bind.readonly = bind.recursive_readonly = bind.mapped = bind.nosuid = bind.nodev = bind.noexec = true;
  bind.propagation = Propagation::kShared;
  MountPlan tmpfs;
  tmpfs.kind = MountPlan::Kind::kTmpfs;
  tmpfs.target = "/dev";
  tmpfs.options = "size=1m";
  MountPlan image;
  image.kind = MountPlan::Kind::kImage;
  image.target = "/img";
  image.readonly = true;
  image.layers = {"/l/4", "/l/3"};
  image.image_path = "/etc";
  p.mounts = {bind, tmpfs, image};
  p.devices = {{"/dev/x", true, 7, 300, 0640, 1, 2}};
  p.masked_paths = {"/proc/kcore"};
  p.readonly_paths = {"/proc/sys"};
  p.mount_label = "u:object_r:f:s0:c1,c2";
  p.volume_dirs = {"/v"};
  p.process = FullProcess();
  p.keep_stdin = p.stdin_once = true;
  p.log_path = "/log";
  p.users = UserNamespace{{1, 2}, {3, 4294967292}};  // as far as ids go
  p.view_places = {{"memory", "/sys/fs/cgroup/memory/x"}, {"unified", "/sys/fs/cgroup/unified/x"}};
  return p;
}

PausePlan FullPause() {
  PausePlan p;
  p.new_namespaces = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID;
  p.hostname = "pod";
  p.cgroup_join = {"/cg"};
  p.cgroup_v2 = "/v2";
  p.sysctls = {{"net.ipv4.ip_forward", "1"}, {"kernel.sem", ""}};
  p.shm_bytes = 1;
  p.oom_score_adj = 1000;
  p.users = UserNamespace{{65536, 65536}, {131072, 65536}};
  return p;
}

ExecPlan FullExec() {
  ExecPlan p;
  p.container_id = std::string(64, 'c');
  p.cgroup_v2 = "/cg/exec";
  p.cgroup_join = {"/cg/a"};
  p.process = FullProcess();
  p.timeout_ms = 5;
  p.output_limit = 6;
  p.input = "said";
  p.users = UserNamespace{{65536, 65536}, {131072, 65536}};
  return p;
}

// Encoding is injective on what Decode makes, so equal bytes mean equal plans.
template <class P>
void ExpectRoundTrip(const P& plan) {
  std::string bytes = plan.Encode();
  Result<P> decoded = P::Decode(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.error().text();
  EXPECT_EQ(decoded->Encode(), bytes);
}

TEST(Plan, DecodeIsTheInverseOfEncode) {
  ExpectRoundTrip(FullPause());
  ExpectRoundTrip(FullLaunch());
  ExpectRoundTrip(FullExec());
  ExpectRoundTrip(PausePlan());
}

TEST(Plan, FieldsArriveAsTheyWere) {
  LaunchPlan plan = *LaunchPlan::Decode(FullLaunch().Encode());
  EXPECT_EQ(plan.pid_mode, PidMode::kTarget);
  EXPECT_EQ(plan.lower_dirs, (std::vector<std::string>{"/l/1", "/l/2"}));
  EXPECT_FALSE(plan.overlay_volatile);
  ASSERT_EQ(plan.mounts.size(), 3u);
  EXPECT_EQ(plan.mounts[2].layers, (std::vector<std::string>{"/l/4", "/l/3"}));
  EXPECT_EQ(plan.mounts[2].image_path, "/etc");
  EXPECT_EQ(plan.mounts[0].host_source, "/src");
  EXPECT_EQ(plan.mounts[0].propagation, Propagation::kShared);
  EXPECT_TRUE(plan.mounts[0].recursive_readonly);
  EXPECT_EQ(plan.mounts[1].kind, MountPlan::Kind::kTmpfs);
  EXPECT_EQ(plan.mounts[1].options, "size=1m");
  EXPECT_TRUE(plan.devices.at(0).block);
  EXPECT_EQ(plan.devices.at(0).minor, 300u);
  EXPECT_EQ(plan.process.args, (std::vector<std::string>{"/bin/sh", "", "-c"}));
  EXPECT_EQ(plan.process.resolved->groups.back(), 4294967294u);
  EXPECT_EQ(plan.process.user.user, "bob");
  EXPECT_TRUE(plan.process.user.strict_groups);
  EXPECT_EQ(plan.process.seccomp_bpf.size(), 8u);
  EXPECT_EQ(plan.process.rlimits.at(0).hard, ~uint64_t{0});
  EXPECT_EQ(plan.process.oom_score_adj, -997);
  EXPECT_EQ(plan.process.apparmor_profile, "web");
  EXPECT_EQ(plan.process.selinux_label, "u:r:t:s0:c1,c2");
  EXPECT_EQ(plan.mount_label, "u:object_r:f:s0:c1,c2");
  PausePlan pause = *PausePlan::Decode(FullPause().Encode());
  EXPECT_EQ(pause.sysctls.at(0).first, "net.ipv4.ip_forward");
  EXPECT_EQ(pause.shm_bytes, 1u);
  EXPECT_EQ(ExecPlan::Decode(FullExec().Encode())->timeout_ms, 5u);
  EXPECT_EQ(ExecPlan::Decode(FullExec().Encode())->input, "said");
}

TEST(Plan, UnknownFieldsAreSkipped) {
  wire::Writer newer;
  newer.Str(999, "from a newer daemon");
  Result<LaunchPlan> plan = LaunchPlan::Decode(FullLaunch().Encode() + newer.bytes());
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->Encode(), FullLaunch().Encode());
}

TEST(Plan, EveryCutPlanIsRefusedOrWhole) {
  std::string bytes = FullLaunch().Encode();
  for (size_t size = 0; size < bytes.size(); ++size) {
    Result<LaunchPlan> plan = LaunchPlan::Decode(std::string_view(bytes).substr(0, size));
    // A cut at a field's border drops the fields after it: what is left is a plan only with all it
    // needs.
    if (!plan.ok()) {
      EXPECT_EQ(plan.error().code(), Code::kInvalidArgument);
    } else {
      EXPECT_EQ(plan->Encode().substr(0, size), bytes.substr(0, size));
      EXPECT_FALSE(plan->process.args.empty());
    }
  }
}

TEST(Plan, AnyFlippedByteIsRefusedOrDecodesToAPlanThatHolds) {
  std::string bytes = FullLaunch().Encode();
  for (size_t at = 0; at < bytes.size(); ++at)
    for (char bit : {'\x01', '\x80'}) {
      std::string broken = bytes;
      broken[at] = static_cast<char>(broken[at] ^ bit);
      Result<LaunchPlan> plan = LaunchPlan::Decode(broken);
      if (!plan.ok()) continue;
      EXPECT_TRUE(LaunchPlan::Decode(plan->Encode()).ok()) << at;
    }
}

struct Bad {
  const char* why;
  std::function<void(LaunchPlan&)> spoil;
};
TEST(Plan, ValuesOutOfRangeAreNamed) {
  const Bad cases[] = {
      {"container_id", [](LaunchPlan& p) { p.container_id = "short"; }},
      {"container_id", [](LaunchPlan& p) { p.container_id = std::string(64, 'G'); }},
      {"pid_mode", [](LaunchPlan& p) { p.pid_mode = static_cast<PidMode>(9); }},
      {"pid_target", [](LaunchPlan& p) { p.pid_target.clear(); }},
      {"join_namespaces", [](LaunchPlan& p) { p.join_namespaces = CLONE_NEWUSER; }},
      {"lower_dirs", [](LaunchPlan& p) { p.lower_dirs.clear(); }},
      {"lower_dirs", [](LaunchPlan& p) { p.lower_dirs.assign(501, "/l"); }},
      {"lower_dirs", [](LaunchPlan& p) { p.lower_dirs = {"relative"}; }},
      {"upper_dir", [](LaunchPlan& p) { p.upper_dir = ""; }},
      {"root_propagation", [](LaunchPlan& p) { p.root_propagation = static_cast<Propagation>(3); }},
      {"kind", [](LaunchPlan& p) { p.mounts[0].kind = static_cast<MountPlan::Kind>(99); }},
      {"mounts", [](LaunchPlan& p) { p.users.reset(); }},
      {"users", [](LaunchPlan& p) { p.users->uids.length = 0; }},
      {"users", [](LaunchPlan& p) { p.users->gids.length += 1; }},
      {"layers", [](LaunchPlan& p) { p.mounts[0].layers = {"/l"}; }},
      {"layers", [](LaunchPlan& p) { p.mounts[2].layers.clear(); }},
      {"image_path", [](LaunchPlan& p) { p.mounts[2].image_path = "etc"; }},
      {"readonly", [](LaunchPlan& p) { p.mounts[2].readonly = false; }},
      {"target", [](LaunchPlan& p) { p.mounts[0].target = "//"; }},
      {"target", [](LaunchPlan& p) { p.mounts[0].target = "data"; }},
      {"host_source", [](LaunchPlan& p) { p.mounts[0].host_source = ""; }},
      {"host_source", [](LaunchPlan& p) { p.mounts[0].host_source = std::string("/a\0b", 4); }},
      {"mode", [](LaunchPlan& p) { p.devices[0].mode = 010000; }},
      {"path", [](LaunchPlan& p) { p.devices[0].path = "x"; }},
      {"masked_paths", [](LaunchPlan& p) { p.masked_paths = {"proc"}; }},
      {"args", [](LaunchPlan& p) { p.process.args.clear(); }},
      {"args", [](LaunchPlan& p) { p.process.args = {std::string("a\0b", 3)}; }},
      {"env", [](LaunchPlan& p) { p.process.env = {std::string("A=\0", 3)}; }},
      {"cwd", [](LaunchPlan& p) { p.process.cwd = ""; }},
      {"seccomp_bpf", [](LaunchPlan& p) { p.process.seccomp_bpf = "odd"; }},
      {"seccomp_bpf", [](LaunchPlan& p) { p.process.seccomp_bpf = std::string(8 * 4097, 0); }},
      {"resource",
       [](LaunchPlan& p) {
         p.process.rlimits = {{16, 1, 1}};
       }},
      {"soft limit",
       [](LaunchPlan& p) {
         p.process.rlimits = {{7, 2, 1}};
       }},
      {"oom_score_adj", [](LaunchPlan& p) { p.process.oom_score_adj = 1001; }},
      {"oom_score_adj", [](LaunchPlan& p) { p.process.oom_score_adj = -1001; }},
      {"uid", [](LaunchPlan& p) { p.process.resolved->uid = 4294967295; }},
      {"group", [](LaunchPlan& p) { p.process.user.supplemental_groups = {4294967295}; }},
  };
  for (const Bad& bad : cases) {
    LaunchPlan plan = FullLaunch();
    bad.spoil(plan);
    Result<LaunchPlan> decoded = LaunchPlan::Decode(plan.Encode());
    ASSERT_FALSE(decoded.ok()) << bad.why;
    EXPECT_NE(decoded.error().text().find(bad.why), std::string::npos) << decoded.error().text();
  }
}

TEST(Plan, PauseAndExecAreCheckedToo) {
  PausePlan pause = FullPause();
  pause.new_namespaces = CLONE_NEWUSER;
  EXPECT_FALSE(PausePlan::Decode(pause.Encode()).ok());
  pause = FullPause();
  pause.hostname = std::string(65, 'h');
  EXPECT_FALSE(PausePlan::Decode(pause.Encode()).ok());
  pause = FullPause();
  pause.sysctls = {{"", "1"}};
  EXPECT_FALSE(PausePlan::Decode(pause.Encode()).ok());
  ExecPlan exec = FullExec();
  exec.process.args.clear();
  EXPECT_FALSE(ExecPlan::Decode(exec.Encode()).ok());
  EXPECT_FALSE(ExecPlan::Decode("").ok());
  EXPECT_FALSE(LaunchPlan::Decode("\x01").ok());
}

}  // namespace
}  // namespace cradle::container
