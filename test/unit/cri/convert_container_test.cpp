#include "cri/convert_container.h"

#include <gtest/gtest.h>

#include <csignal>

#include "text.h"

namespace cradle::cri {
namespace {

namespace pb = ::runtime::v1;
using container::PidMode;
using Seccomp = container::SeccompSpec::Type;
constexpr char kGood[] = R"(metadata { name: "main" attempt: 1 } image { image: "busybox" })";

Result<container::ContainerSpec> Convert(const std::string& more,
                                         const sandbox::PodSpec& pod = {}) {
  auto config = FromText<pb::ContainerConfig>(kGood);
  google::protobuf::TextFormat::Parser parser;
  EXPECT_TRUE(parser.MergeFromString(more, &config)) << more;
  return ContainerSpecFrom(config, pod);
}

std::string Security(const std::string& text) {
  return "linux { security_context { " + text + " } }";
}

container::SecuritySpec Secured(const std::string& text, const sandbox::PodSpec& pod = {}) {
  auto spec = Convert(Security(text), pod);
  EXPECT_TRUE(spec.ok()) << spec.error().text();
  return spec.ok() ? spec->security : container::SecuritySpec{};
}

TEST(ContainerSpecFrom, KeepsWhatWasSaid) {
  auto spec = Convert(R"(
      command: "sh" args: "-c" args: "" working_dir: "/w" log_path: "main/0.log"
      envs { key: "A" value: "\xff\n=" } labels { key: "l" value: "v" } annotations { key: "a" value: "b" }
      mounts { container_path: "/c" host_path: "/h" readonly: true recursive_read_only: true }
      mounts { container_path: "/d" host_path: "/h" propagation: PROPAGATION_BIDIRECTIONAL }
      devices { container_path: "/dev/x" host_path: "/dev/null" permissions: "rw" }
      stdin: true stdin_once: true tty: true stop_signal: SIGNAL_SIGUSR1
      linux { resources { cpu_shares: 512 memory_limit_in_bytes: 1048576000 oom_score_adj: -998 } })");
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_EQ(spec->name, "main");
  EXPECT_EQ(spec->attempt, 1u);
  EXPECT_EQ(spec->image, "busybox");
  EXPECT_EQ(spec->command, std::vector<std::string>{"sh"});
  EXPECT_EQ(spec->args, (std::vector<std::string>{"-c", ""}));
  EXPECT_EQ(spec->env, std::vector<std::string>{"A=\xff\n="});
  EXPECT_EQ(spec->log_path, "main/0.log");
  EXPECT_TRUE(spec->mounts[0].recursive_readonly);
  EXPECT_EQ(spec->mounts[1].propagation, container::Propagation::kShared);
  EXPECT_EQ(spec->devices[0].permissions, "rw");
  EXPECT_TRUE(spec->stdin_open && spec->stdin_once && spec->tty);
  EXPECT_EQ(spec->stop_signal, "SIGUSR1");
  EXPECT_EQ(spec->limits.cpu_shares, 512);
  EXPECT_EQ(spec->limits.memory, 1048576000);
  EXPECT_EQ(spec->oom_score_adj, -998);
}

TEST(SecuritySpecFrom, PidNamespaceFollowsThePodUnlessSaid) {
  sandbox::PodSpec pod;
  EXPECT_EQ(Secured("", pod).pid_mode, PidMode::kPod);
  pod.pid_mode = PidMode::kNode;
  EXPECT_EQ(Secured("", pod).pid_mode, PidMode::kNode);
  pod.pid_mode = PidMode::kContainer;
  EXPECT_EQ(Secured("", pod).pid_mode, PidMode::kContainer);
  EXPECT_EQ(Secured("namespace_options { pid: NODE }", pod).pid_mode, PidMode::kNode);
  auto target = Secured("namespace_options { pid: TARGET target_id: 'abc' }", pod);
  EXPECT_EQ(target.pid_mode, PidMode::kTarget);
  EXPECT_EQ(target.pid_target, "abc");
}

TEST(SecuritySpecFrom, NetworkAndIpcAreThePods) {
  sandbox::PodSpec pod;
  pod.host_network = true;
  auto security = Secured("namespace_options { network: POD ipc: NODE }", pod);
  EXPECT_TRUE(security.host_network);
  EXPECT_FALSE(security.host_ipc);
}

TEST(SecuritySpecFrom, SeccompFieldWinsOverTheOldPath) {
  EXPECT_EQ(Secured("").seccomp.type, Seccomp::kUnconfined);
  EXPECT_EQ(Secured("seccomp { }").seccomp.type, Seccomp::kRuntimeDefault);
  EXPECT_EQ(Secured("seccomp_profile_path: 'runtime/default'").seccomp.type,
            Seccomp::kRuntimeDefault);
  EXPECT_EQ(Secured("seccomp_profile_path: 'localhost//p/x.json'").seccomp.localhost_path,
            "/p/x.json");
  EXPECT_EQ(Secured("seccomp { profile_type: Unconfined } seccomp_profile_path: 'runtime/default'")
                .seccomp.type,
            Seccomp::kUnconfined);
  auto local = Secured("seccomp { profile_type: Localhost localhost_ref: '/p.json' }").seccomp;
  EXPECT_EQ(local.type, Seccomp::kLocalhost);
  EXPECT_EQ(local.localhost_path, "/p.json");
}

TEST(SecuritySpecFrom, AppArmorOfBothFieldsAndTheNewOneWins) {
  using AppArmor = container::AppArmorSpec::Type;
  EXPECT_EQ(Secured("").apparmor.type, AppArmor::kRuntimeDefault);
  EXPECT_EQ(Secured("apparmor_profile: 'runtime/default'").apparmor.type, AppArmor::kRuntimeDefault);
  EXPECT_EQ(Secured("apparmor_profile: 'unconfined'").apparmor.type, AppArmor::kUnconfined);
  EXPECT_EQ(Secured("apparmor { profile_type: Unconfined }").apparmor.type, AppArmor::kUnconfined);
  EXPECT_EQ(Secured("apparmor { } apparmor_profile: 'localhost/x'").apparmor.type,
            AppArmor::kRuntimeDefault);
  for (const char* text :
       {"apparmor_profile: 'localhost/x//y'",
        "apparmor { profile_type: Localhost localhost_ref: 'localhost/x//y' }",
        "apparmor { profile_type: Localhost localhost_ref: 'x//y' } apparmor_profile: 'localhost/z'"}) {
    auto local = Secured(text).apparmor;
    EXPECT_EQ(local.type, AppArmor::kLocalhost) << text;
    EXPECT_EQ(local.profile, "x//y") << text;
  }
}

TEST(SecuritySpecFrom, SelinuxOptionsAreTakenAsTheyAre) {
  auto selinux =
      Secured("selinux_options { user: 'u_x' role: 'r' type: 't' level: 's0-s0:c1,c2.c5' }").selinux;
  EXPECT_EQ(selinux.user, "u_x");
  EXPECT_EQ(selinux.role, "r");
  EXPECT_EQ(selinux.type, "t");
  EXPECT_EQ(selinux.level, "s0-s0:c1,c2.c5");
  EXPECT_EQ(Secured("").selinux.level, "");
}

TEST(SecuritySpecFrom, PrivilegedIgnoresProfilesAndNeedsAPrivilegedPod) {
  sandbox::PodSpec pod;
  pod.privileged = true;
  auto security = Secured(
      "privileged: true seccomp { } apparmor { profile_type: Localhost localhost_ref: "
      "'localhost/x' }",
      pod);
  EXPECT_EQ(security.seccomp.type, Seccomp::kUnconfined);
  EXPECT_EQ(security.apparmor.type, container::AppArmorSpec::Type::kUnconfined);
  auto refused = Convert(Security("privileged: true"));
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().text().find("no privileged container allowed in sandbox"),
            std::string::npos);
}

TEST(SecuritySpecFrom, CapabilitiesLoseTheirPrefix) {
  auto security = Secured(
      "capabilities { add_capabilities: 'cap_net_admin' drop_capabilities: 'ALL' "
      "add_ambient_capabilities: 'NET_RAW' }");
  EXPECT_EQ(security.caps_add, std::vector<std::string>{"NET_ADMIN"});
  EXPECT_EQ(security.caps_drop, std::vector<std::string>{"ALL"});
  EXPECT_EQ(security.caps_ambient, std::vector<std::string>{"NET_RAW"});
}

TEST(SecuritySpecFrom, Users) {
  auto security = Secured(
      "run_as_username: 'nobody' run_as_group { value: 7 } supplemental_groups: 1234 "
      "supplemental_groups_policy: Strict");
  EXPECT_EQ(security.run_as_username, "nobody");
  EXPECT_EQ(security.run_as_group, 7);
  EXPECT_EQ(security.supplemental_groups, std::vector<uint32_t>{1234});
  EXPECT_TRUE(security.strict_groups);
}

TEST(Signals, GoBothWays) {
  EXPECT_EQ(SignalNameFrom(pb::SIGNAL_RUNTIME_DEFAULT), "");
  EXPECT_EQ(SignalNameFrom(pb::SIGNAL_SIGTERM), "SIGTERM");
  EXPECT_EQ(SignalNameFrom(pb::SIGNAL_SIGCLD), "SIGCHLD");
  EXPECT_EQ(SignalNameFrom(pb::SIGNAL_SIGRTMIN), "SIGRTMIN");
  EXPECT_EQ(SignalNameFrom(pb::SIGNAL_SIGRTMINPLUS3), "SIGRTMIN+3");
  EXPECT_EQ(SignalNameFrom(pb::SIGNAL_SIGRTMAXMINUS14), "SIGRTMIN+16");
  EXPECT_EQ(SignalNameFrom(pb::SIGNAL_SIGRTMAX), "SIGRTMIN+30");
  EXPECT_EQ(SignalFrom(SIGTERM), pb::SIGNAL_SIGTERM);
  EXPECT_EQ(SignalFrom(SIGIO), pb::SIGNAL_SIGIO);
  EXPECT_EQ(SignalFrom(37), pb::SIGNAL_SIGRTMINPLUS3);
  EXPECT_EQ(SignalFrom(50), pb::SIGNAL_SIGRTMAXMINUS14);
  EXPECT_EQ(SignalFrom(64), pb::SIGNAL_SIGRTMAX);
  EXPECT_EQ(SignalFrom(0), pb::SIGNAL_RUNTIME_DEFAULT);
}

class BadContainer : public testing::TestWithParam<BadField> {};

TEST_P(BadContainer, NamesFieldAndValue) {
  auto spec = Convert(GetParam().text);
  ASSERT_FALSE(spec.ok());
  EXPECT_EQ(spec.error().code(), Code::kInvalidArgument);
  EXPECT_EQ(spec.error().text().substr(0, GetParam().error.size()), GetParam().error);
}

std::string Mount(const std::string& text) {
  return "mounts { container_path: '/c' host_path: '/h' " + text + " }";
}
std::string Image(const std::string& text) {
  return "mounts { container_path: '/c' image { image: 'x' } " + text + " }";
}
std::string Resources(const std::string& text) { return "linux { resources { " + text + " } }"; }
const char kSc[] = "linux.security_context.";

INSTANTIATE_TEST_SUITE_P(
    Fields, BadContainer,
    testing::Values(
        BadField{"metadata { name: '' }", "metadata.name: \"\": must not be empty"},
        BadField{"image { image: '' }", "image.image: \"\": must not be empty"},
        BadField{"image { runtime_handler: 'x' }", "image.runtime_handler: \"x\": "},
        BadField{"args: 'a\\000b'", "args[0]: \"a\\x00b\": must not contain a NUL byte"},
        BadField{"working_dir: 'w'", "working_dir: \"w\": must be an absolute path"},
        BadField{"envs { key: '' }", "envs[0].key: \"\": must not be empty"},
        BadField{"envs { key: 'A=B' }", "envs[0].key: \"A=B\": must not contain '='"},
        BadField{"envs { key: 'A\\nB' }", "envs[0].key: \"A\\x0aB\": "},
        BadField{"envs { key: 'A' value: 'x\\000y' }", "envs[0] (A).value: \"x\\x00y\": "},
        BadField{Mount("container_path: 'c'"),
                 "mounts[0].container_path: \"c\": must be an absolute path"},
        BadField{Mount("container_path: '/a/../b'"),
                 "mounts[0].container_path: \"/a/../b\": must not contain"},
        BadField{Mount("host_path: ''"), "mounts[0].host_path: \"\": must be an absolute path"},
        BadField{Mount("propagation: 7"), "mounts[0].propagation: 7: "},
        BadField{Mount("recursive_read_only: true"),
                 "mounts[0].recursive_read_only: \"true\": needs readonly"},
        BadField{Mount("readonly: true recursive_read_only: true propagation: "
                       "PROPAGATION_HOST_TO_CONTAINER"),
                 "mounts[0].recursive_read_only: \"true\": needs propagation"},
        BadField{
            Mount(
                "readonly: true recursive_read_only: true propagation: PROPAGATION_BIDIRECTIONAL"),
            "mounts[0].recursive_read_only: \"true\": needs propagation"},
        BadField{Mount("uidMappings { length: 1 }"), "mounts[0].uidMappings: "},
        BadField{Mount("mount_options: 'noexec' mount_options: 'ro'"),
                 "mounts[0].mount_options[1]: \"ro\": must be noexec, nodev or nosuid"},
        BadField{Mount("readonly: true image { image: 'x' }"), "mounts[0].host_path: \"/h\": excludes image"},
        BadField{Mount("image_sub_path: 'a'"), "mounts[0].image_sub_path: \"a\": needs an image"},
        BadField{Image(""), "mounts[0].readonly: \"false\": an image is mounted read-only"},
        BadField{Image("readonly: true propagation: PROPAGATION_HOST_TO_CONTAINER"), "mounts[0].propagation: "},
        BadField{Image("readonly: true image_sub_path: '/a'"),
                 "mounts[0].image_sub_path: \"/a\": must be relative"},
        BadField{Image("readonly: true image_sub_path: 'a/../../b'"), "mounts[0].image_sub_path: \"/a/../../b\": "},
        BadField{"devices { container_path: '/dev/x' host_path: '/dev/x' }",
                 "devices[0].permissions: \"\": "},
        BadField{"devices { container_path: '/dev/x' host_path: '/dev/x' permissions: 'rx' }",
                 "devices[0].permissions: \"rx\": "},
        BadField{"CDI_devices { name: 'v/c=d' } CDI_devices { name: 'v/c' }", "CDI_devices[1].name: \"v/c\": must be vendor/class=name"},
        BadField{"annotations { key: 'cdi.k8s.io/x' value: 'v/c=d,' }", "annotations[\"cdi.k8s.io/x\"]: \"\": must be vendor/class=name"},
        BadField{"log_path: '/abs'", "log_path: \"/abs\": must be relative"},
        BadField{"log_path: 'a/../../b'", "log_path: \"a/../../b\": "},
        BadField{"log_path: 'a\\nb'", "log_path: \"a\\x0ab\": "},
        BadField{"stop_signal: 99", "stop_signal: 99: no such signal"},
        BadField{Resources("cpu_shares: -1"), "linux.resources: "},
        BadField{Resources("oom_score_adj: 1001"), "linux.resources.oom_score_adj: 1001: "},
        BadField{Security("run_as_user { value: 4294967295 }"),
                 Cat(kSc, "run_as_user: 4294967295: ")},
        BadField{Security("run_as_group { value: 1 }"),
                 Cat(kSc, "run_as_group: 1: needs run_as_user")},
        BadField{Security("run_as_user { value: 1 } run_as_username: 'x'"),
                 Cat(kSc, "run_as_username: \"x\": ")},
        BadField{Security("supplemental_groups: -5"), Cat(kSc, "supplemental_groups[0]: -5: ")},
        BadField{Security("supplemental_groups_policy: 5"),
                 Cat(kSc, "supplemental_groups_policy: 5: ")},
        BadField{Security("capabilities { drop_capabilities: '' }"),
                 Cat(kSc, "capabilities.drop_capabilities[0]: \"\": ")},
        BadField{Security("masked_paths: 'proc'"), Cat(kSc, "masked_paths[0]: \"proc\": ")},
        BadField{Security("seccomp { profile_type: Localhost localhost_ref: 'p' }"),
                 Cat(kSc, "seccomp.localhost_ref: \"p\": must be an absolute path")},
        BadField{Security("seccomp { profile_type: 4 }"), Cat(kSc, "seccomp.profile_type: 4: ")},
        BadField{Security("seccomp_profile_path: 'what'"),
                 Cat(kSc, "seccomp_profile_path: \"what\": ")},
        BadField{Security("apparmor { profile_type: Localhost localhost_ref: 'localhost/' }"),
                 Cat(kSc, "apparmor.localhost_ref: \"localhost/\": must name a profile")},
        BadField{Security("apparmor { profile_type: Localhost localhost_ref: 'x y' }"),
                 Cat(kSc, "apparmor.localhost_ref: \"x y\": ")},
        BadField{Security("apparmor { profile_type: 4 }"), Cat(kSc, "apparmor.profile_type: 4: ")},
        BadField{Security("selinux_options { type: 'a:b' }"),
                 Cat(kSc, "selinux_options.type: \"a:b\": ")},
        BadField{Security("selinux_options { level: 's0\",x=' }"),
                 Cat(kSc, "selinux_options.level: ")},
        BadField{Security("apparmor_profile: 'x'"), Cat(kSc, "apparmor_profile: \"x\": must be ")},
        BadField{Security("namespace_options { pid: TARGET }"),
                 Cat(kSc, "namespace_options.target_id: \"\": ")},
        BadField{Security("namespace_options { userns_options { mode: POD } }"),
                 Cat(kSc, "namespace_options.userns_options.uids: 0: ")}));

class InUserNamespace : public testing::Test {
 protected:
  InUserNamespace() { pod_.users = container::UserNamespace{{65536, 1000}, {70000, 2000}}; }
  void ExpectBad(const std::string& text, const std::string& error) {
    auto spec = Convert(text, pod_);
    ASSERT_FALSE(spec.ok()) << text;
    EXPECT_EQ(spec.error().code(), Code::kInvalidArgument);
    EXPECT_EQ(spec.error().text().substr(0, error.size()), error);
  }
  sandbox::PodSpec pod_;
};
constexpr char kOwn[] = "uids { host_id: 65536 length: 1000 } gids { host_id: 70000 length: 2000 }";

TEST_F(InUserNamespace, MountsAreMappedWhereTheRequestSaysSo) {
  auto spec = Convert(Mount("uidMappings { host_id: 65536 length: 1000 } gidMappings { host_id: 70000 length: 2000 }") +
                          Mount(""),
                      pod_);
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_TRUE(spec->mounts[0].mapped);
  EXPECT_FALSE(spec->mounts[1].mapped);
}

TEST_F(InUserNamespace, AnotherMappingIsRefused) {
  ExpectBad(Mount("uidMappings { host_id: 1 length: 1000 } gidMappings { host_id: 70000 length: 2000 }"),
            "mounts[0].uidMappings[0].host_id: 1: is not the pod's mapping");
  ExpectBad(Mount("uidMappings { host_id: 65536 length: 1000 }"),
            "mounts[0].gidMappings: 0: must be one mapping");
  ExpectBad(Security("namespace_options { userns_options { mode: NODE } }"),
            Cat(kSc, "namespace_options.userns_options.mode: \"NODE\": is not the pod's"));
  EXPECT_TRUE(Convert(Security(Cat("namespace_options { userns_options { ", kOwn, " } }")), pod_).ok());
}

TEST_F(InUserNamespace, IdsMustBeThePods) {
  EXPECT_TRUE(Convert(Security("run_as_user { value: 999 } run_as_group { value: 1999 }"), pod_).ok());
  ExpectBad(Security("run_as_user { value: 1000 }"),
            Cat(kSc, "run_as_user: 1000: the pod's user namespace has ids 0 to 999"));
  ExpectBad(Security("run_as_user { value: 1 } run_as_group { value: 2000 }"), Cat(kSc, "run_as_group: 2000: "));
  ExpectBad(Security("supplemental_groups: 2000"), Cat(kSc, "supplemental_groups[0]: 2000: "));
}

TEST_F(InUserNamespace, NothingOfTheHostsIsInReach) {
  ExpectBad(Security("namespace_options { pid: NODE }"), Cat(kSc, "namespace_options.pid: \"NODE\": can't be had"));
  ExpectBad(Mount("propagation: PROPAGATION_BIDIRECTIONAL"),
            "mounts[0].propagation: \"PROPAGATION_BIDIRECTIONAL\": can't be had with a user namespace");
}

TEST(ContainerSpecFrom, AnImageIsMountedReadOnly) {
  auto spec = Convert("mounts { container_path: '/c' readonly: true image { image: 'x' } image_sub_path: 'a/b' }");
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_EQ(spec->mounts[0].image, "x");
  EXPECT_EQ(spec->mounts[0].image_sub_path, "a/b");
}

TEST(ContainerSpecFrom, MountOptionsAreKept) {
  auto spec = Convert(Mount("mount_options: 'noexec' mount_options: 'nodev' mount_options: 'nosuid'"));
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_TRUE(spec->mounts[0].noexec && spec->mounts[0].nodev && spec->mounts[0].nosuid);
}

}  // namespace
}  // namespace cradle::cri
