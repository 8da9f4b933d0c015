#include "container/runtime_spec.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <sched.h>

#include <nlohmann/json.hpp>

namespace cradle::container {
namespace {

using nlohmann::json;

PodFacts SomePod() {
  PodFacts pod;
  pod.id = "p1";
  pod.name = "web";
  pod.name_space = "default";
  pod.uid = "u-1";
  pod.log_directory = "/var/log/pods/web";
  pod.hostname = "web";
  pod.cgroup = "/kubepods/podx/p1";
  pod.sysctls = {{"net.ipv4.ip_forward", "1"}};
  pod.new_namespaces = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
  pod.pause_pid = 123;
  return pod;
}

ContainerRecord SomeRecord() {
  ContainerRecord record;
  record.spec.name = "main";
  record.spec.image = "sha256:abc";
  record.spec.user_specified_image = "busybox:1";
  record.cgroup = "/kubepods/podx/c1";
  return record;
}

LaunchPlan SomePlan() {
  LaunchPlan plan;
  plan.pid_mode = PidMode::kContainer;
  plan.join_namespaces = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
  plan.readonly_rootfs = true;
  plan.root_propagation = Propagation::kSlave;
  plan.process.args = {"sh", "-c", "true"};
  plan.process.env = {"A=b"};
  plan.process.cwd = "/work";
  plan.process.terminal = true;
  plan.process.caps_bounding = plan.process.caps_permitted = plan.process.caps_effective = 0x401;
  plan.process.no_new_privs = true;
  plan.process.apparmor_profile = "cradle-default";
  plan.process.selinux_label = "u:r:t:s0:c1,c2";
  plan.mount_label = "u:object_r:f:s0:c1,c2";
  plan.process.oom_score_adj = 999;
  plan.mounts = {{.kind = MountPlan::Kind::kProc, .host_source = {}, .target = "/proc", .nosuid = true, .nodev = true,
                  .noexec = true, .options = {}},
                 {.kind = MountPlan::Kind::kTmpfs, .host_source = {}, .target = "/dev", .nosuid = true,
                  .options = "mode=755,size=65536k"},
                 {.kind = MountPlan::Kind::kBind, .host_source = "/data", .target = "/mnt",
                  .propagation = Propagation::kSlave, .options = {}},
                 {.kind = MountPlan::Kind::kBind, .host_source = "/ro", .target = "/ro", .readonly = true,
                  .recursive_readonly = true, .options = {}}};
  plan.devices = {{.path = "/dev/fuse", .block = false, .major = 10, .minor = 229, .mode = 0666, .uid = 0, .gid = 0}};
  plan.masked_paths = {"/proc/kcore"};
  plan.readonly_paths = {"/proc/sys"};
  return plan;
}

ContainerFacts SomeFacts() {
  ContainerFacts facts;
  facts.user = {.uid = 1000, .gid = 1001, .groups = {1001, 7}};
  facts.limits.memory = 1 << 20;
  facts.limits.memory_swap = 2 << 20;
  facts.limits.cpu_shares = 512;
  facts.limits.cpu_quota = 50'000;
  facts.limits.cpu_period = 100'000;
  facts.limits.cpuset_cpus = "0-1";
  facts.limits.hugepages = {{"2MB", 0}};
  facts.limits.unified = {{"memory.high", "max"}};
  facts.limits.devices = {{{.allow = false, .type = 'a', .major = -1, .minor = -1, .access = "rwm"},
                           {.allow = true, .type = 'c', .major = 1, .minor = -1, .access = "r"}}};
  SeccompProfile profile;
  profile.default_action = SECCOMP_RET_ERRNO | EPERM;
  profile.rules = {{{"read", "write"}, SECCOMP_RET_ALLOW, {}},
                   {{"clone3"}, SECCOMP_RET_ERRNO | ENOSYS, {}},
                   {{"personality"}, SECCOMP_RET_ALLOW,
                    {{.index = 0, .op = SeccompArg::Op::kMaskedEqual, .value = 255, .masked_value = 8}}}};
  facts.seccomp = profile;
  return facts;
}

// Compared as documents, and told as text: one difference is then easily seen.
void ExpectJson(const std::string& text, const char* wanted) {
  EXPECT_EQ(json::parse(text).dump(1), json::parse(wanted).dump(1));
}

// Of SomeRecord, SomePlan, SomeFacts and SomePod; the architectures of its filter are the machine's.
constexpr char kSpec[] = R"({
  "ociVersion": "1.2.1",
  "process": {
    "terminal": true,
    "user": {"uid": 1000, "gid": 1001, "additionalGids": [1001, 7]},
    "args": ["sh", "-c", "true"],
    "env": ["A=b"],
    "cwd": "/work",
    "capabilities": {
      "bounding": ["CAP_CHOWN", "CAP_NET_BIND_SERVICE"],
      "effective": ["CAP_CHOWN", "CAP_NET_BIND_SERVICE"],
      "permitted": ["CAP_CHOWN", "CAP_NET_BIND_SERVICE"]
    },
    "noNewPrivileges": true,
    "apparmorProfile": "cradle-default",
    "selinuxLabel": "u:r:t:s0:c1,c2",
    "oomScoreAdj": 999
  },
  "root": {"path": "rootfs", "readonly": true},
  "hostname": "web",
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
    {"destination": "/mnt", "type": "bind", "source": "/data", "options": ["rbind", "rslave", "rw"]},
    {"destination": "/ro", "type": "bind", "source": "/ro", "options": ["rbind", "rprivate", "rro"]}
  ],
  "annotations": {
    "io.kubernetes.cri.container-name": "main",
    "io.kubernetes.cri.container-type": "container",
    "io.kubernetes.cri.image-name": "busybox:1",
    "io.kubernetes.cri.sandbox-id": "p1",
    "io.kubernetes.cri.sandbox-name": "web",
    "io.kubernetes.cri.sandbox-namespace": "default",
    "io.kubernetes.cri.sandbox-uid": "u-1"
  },
  "linux": {
    "resources": {
      "devices": [
        {"allow": false, "access": "rwm"},
        {"allow": true, "type": "c", "major": 1, "access": "r"}
      ],
      "memory": {"limit": 1048576, "swap": 2097152},
      "cpu": {"shares": 512, "quota": 50000, "period": 100000, "cpus": "0-1"},
      "hugepageLimits": [{"pageSize": "2MB", "limit": 0}],
      "unified": {"memory.high": "max"}
    },
    "cgroupsPath": "/kubepods/podx/c1",
    "namespaces": [
      {"type": "pid"},
      {"type": "ipc", "path": "/proc/123/ns/ipc"},
      {"type": "uts", "path": "/proc/123/ns/uts"},
      {"type": "mount"},
      {"type": "network", "path": "/proc/123/ns/net"},
      {"type": "cgroup"}
    ],
    "devices": [
      {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438, "uid": 0, "gid": 0}
    ],
    "seccomp": {
      "defaultAction": "SCMP_ACT_ERRNO",
      "syscalls": [
        {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
        {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
         "args": [{"index": 0, "value": 255, "valueTwo": 8, "op": "SCMP_CMP_MASKED_EQ"}]}
      ]
    },
    "rootfsPropagation": "rslave",
    "maskedPaths": ["/proc/kcore"],
    "readonlyPaths": ["/proc/sys"],
    "mountLabel": "u:object_r:f:s0:c1,c2"
  }
})";

TEST(RuntimeSpec, OfAContainer) {
  std::string text = FormatRuntimeSpec(SomeRecord(), SomePlan(), SomeFacts(), SomePod());
#if defined(__x86_64__)
  const char* const arch = "SCMP_ARCH_X86_64";
#else
  const char* const arch = "SCMP_ARCH_AARCH64";
#endif
  json spec = json::parse(text);
  EXPECT_EQ(spec["linux"]["seccomp"]["architectures"], json::array({arch}));
  spec["linux"]["seccomp"].erase("architectures");
  ExpectJson(spec.dump(), kSpec);
}

// Pause isn't in the pid namespace that containers share.
TEST(RuntimeSpec, NamesTheSharedPidNamespace) {
  LaunchPlan plan = SomePlan();
  plan.pid_mode = PidMode::kPod;
  json spec = json::parse(FormatRuntimeSpec(SomeRecord(), plan, {}, SomePod()));
  EXPECT_EQ(spec["linux"]["namespaces"][0], (json{{"type", "pid"}, {"path", "/proc/123/ns/pid_for_children"}}));
}

TEST(RuntimeSpec, NamesTheUserNamespace) {
  LaunchPlan plan = SomePlan();
  plan.users = UserNamespace{{65536, 65535}, {131072, 65535}};
  json spec = json::parse(FormatRuntimeSpec(SomeRecord(), plan, {}, SomePod()));
  EXPECT_EQ(spec["linux"]["namespaces"].back(), (json{{"type", "user"}, {"path", "/proc/123/ns/user"}}));
  EXPECT_EQ(spec["linux"]["uidMappings"].dump(), R"([{"containerID":0,"hostID":65536,"size":65535}])");
  EXPECT_EQ(spec["linux"]["gidMappings"][0]["hostID"], 131072);
}

TEST(RuntimeSpec, OfAPod) {
  ExpectJson(FormatPodRuntimeSpec(SomePod()), R"({
    "ociVersion": "1.2.1",
    "process": {"user": {"uid": 0, "gid": 0}, "args": ["/pause"], "cwd": "/"},
    "root": {"path": "rootfs", "readonly": true},
    "hostname": "web",
    "annotations": {
      "io.kubernetes.cri.container-type": "sandbox",
      "io.kubernetes.cri.sandbox-id": "p1",
      "io.kubernetes.cri.sandbox-log-directory": "/var/log/pods/web",
      "io.kubernetes.cri.sandbox-name": "web",
      "io.kubernetes.cri.sandbox-namespace": "default",
      "io.kubernetes.cri.sandbox-uid": "u-1"
    },
    "linux": {
      "cgroupsPath": "/kubepods/podx/p1",
      "namespaces": [{"type": "mount"}, {"type": "cgroup"}, {"type": "ipc"}, {"type": "uts"}, {"type": "network"}],
      "sysctl": {"net.ipv4.ip_forward": "1"}
    }
  })");
}

// A profile written out is the profile read in: tools may load what they see.
TEST(RuntimeSpec, ItsSeccompProfileMeansTheSame) {
  ContainerFacts facts;
  facts.seccomp = DefaultSeccompProfile(0);
  json spec = json::parse(FormatRuntimeSpec(SomeRecord(), SomePlan(), facts, SomePod()));
  auto parsed = ParseSeccompProfile(spec["linux"]["seccomp"].dump(), 0);
  ASSERT_TRUE(parsed.ok()) << parsed.error().text();
  EXPECT_EQ(CompileSeccomp(*parsed).value(), CompileSeccomp(*facts.seccomp).value());
}

TEST(RuntimeSpec, LeavesOutWhatWasNotSaid) {
  LaunchPlan plan;
  plan.pid_mode = PidMode::kNode;
  ContainerRecord record;
  record.spec.image = "busybox";
  json spec = json::parse(FormatRuntimeSpec(record, plan, {}, {}));
  EXPECT_FALSE(spec["linux"].contains("resources"));
  EXPECT_FALSE(spec["linux"].contains("seccomp"));
  EXPECT_EQ(spec["linux"]["namespaces"].dump(), R"([{"type":"mount"},{"type":"cgroup"}])");
  EXPECT_EQ(spec["annotations"]["io.kubernetes.cri.image-name"], "busybox");
}

}  // namespace
}  // namespace cradle::container
