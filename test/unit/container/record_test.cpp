#include <gtest/gtest.h>

#include "container/spec.h"

namespace cradle::container {
namespace {

// Every field differs from its default.
ContainerRecord FullRecord() {
  ContainerRecord record;
  record.id = ContainerId(std::string(64, 'a'));
  record.pod = PodId(std::string(64, 'b'));
  record.cgroup = "/kubepods/x";
  record.log_path = "/var/log/pods/x/0.log";
  record.created_at = 1'700'000'000'123'456'789;
  record.boot_id = "b-1";
  record.image = {.id = "sha256:1", .ref = "busybox@sha256:2", .config = {}, .layer_dirs = {"/l/2/fs", "/l/1/fs"}};
  record.image.config = {.entrypoint = {"/init"}, .cmd = {"serve"}, .env = {"A=1"}, .working_dir = "/srv",
                         .user = "web:web", .stop_signal = "SIGINT", .volumes = {"/data"}, .labels = {{"k", "v"}}};
  ContainerSpec& spec = record.spec;
  spec.name = "web";
  spec.attempt = 3;
  spec.image = "sha256:1";
  spec.user_specified_image = "busybox";
  spec.image_runtime_handler = "h";
  spec.command = {"sh", "-c"};
  spec.args = {"echo \"hi\"\n"};
  spec.working_dir = "/w";
  spec.env = {"B=2"};
  spec.mounts = {{.container_path = "/m", .host_path = "/h", .readonly = true, .recursive_readonly = true,
                  .mapped = true, .selinux_relabel = true, .propagation = Propagation::kShared, .noexec = true,
                  .nodev = true, .nosuid = true, .image = "x", .image_sub_path = "etc"}};
  record.volume_images = {{.image = "x", .id = "sha256:3", .layer_dirs = {"/l/4/fs"}}};
  spec.devices = {{.container_path = "/dev/x", .host_path = "/dev/null", .permissions = "rw"}};
  spec.labels = {{"l", "1"}};
  spec.annotations = {{"a", "2"}, {"b", ""}};
  spec.log_path = "web/0.log";
  spec.stdin_open = spec.stdin_once = spec.tty = true;
  spec.limits = {.cpu_shares = 2, .cpu_quota = -1, .cpu_period = 1000, .memory = 4, .memory_swap = 5,
                 .cpuset_cpus = "0", .cpuset_mems = "0-1", .pids = 6, .hugepages = {{"2MB", 0}},
                 .unified = {{"memory.high", "max"}}, .devices = {{{.allow = false, .type = 'c', .major = 1,
                                                                   .minor = 3, .access = "r"}}}};
  spec.oom_score_adj = -997;
  spec.stop_signal = "SIGUSR1";
  SecuritySpec& security = spec.security;
  security.privileged = security.strict_groups = security.readonly_rootfs = security.no_new_privs = true;
  security.host_network = security.host_ipc = true;
  security.run_as_user = 4294967294;
  security.run_as_group = 0;
  security.run_as_username = "web";
  security.supplemental_groups = {7, 4294967294};
  security.caps_add = {"ALL"};
  security.caps_drop = {"CHOWN"};
  security.caps_ambient = {"KILL"};
  security.masked_paths = {"/proc/kcore"};
  security.readonly_paths = {"/proc/sys"};
  security.seccomp = {.type = SeccompSpec::Type::kLocalhost, .localhost_path = "/p.json"};
  security.apparmor = {.type = AppArmorSpec::Type::kLocalhost, .profile = "web"};
  security.selinux = {.user = "u", .role = "r", .type = "t", .level = "s0:c1,c2"};
  security.pid_mode = PidMode::kTarget;
  security.pid_target = std::string(64, 'c');
  return record;
}

TEST(ContainerRecord, EveryFieldComesBack) {
  const std::string text = FullRecord().ToJson();
  const auto back = ContainerRecord::FromJson(text);
  ASSERT_TRUE(back.ok()) << back.error().text();
  EXPECT_EQ(back->ToJson(), text);
  // The text alone can't show a field that is never written.
  EXPECT_EQ(back->spec.security.run_as_user, 4294967294);
  EXPECT_EQ(back->spec.security.run_as_group, 0);
  EXPECT_EQ(back->spec.mounts.at(0).propagation, Propagation::kShared);
  EXPECT_EQ(back->spec.security.pid_mode, PidMode::kTarget);
  EXPECT_EQ(back->spec.security.seccomp.type, SeccompSpec::Type::kLocalhost);
  EXPECT_EQ(back->spec.security.apparmor.type, AppArmorSpec::Type::kLocalhost);
  EXPECT_EQ(back->spec.security.apparmor.profile, "web");
  EXPECT_EQ(back->spec.security.selinux.level, "s0:c1,c2");
  EXPECT_EQ(back->spec.limits.hugepages.at(0).first, "2MB");
  ASSERT_TRUE(back->spec.limits.devices);
  EXPECT_FALSE(back->spec.limits.devices->at(0).allow);
  EXPECT_EQ(back->spec.limits.devices->at(0).type, 'c');
  EXPECT_EQ(back->spec.annotations, FullRecord().spec.annotations);
  EXPECT_EQ(back->image.config.labels, FullRecord().image.config.labels);
  EXPECT_EQ(back->image.layer_dirs, FullRecord().image.layer_dirs);
  EXPECT_EQ(back->created_at, 1'700'000'000'123'456'789);
}

TEST(ContainerRecord, AnyBytesComeBack) {
  ContainerRecord record = FullRecord();
  std::string bytes = "E=";
  for (int c = 1; c < 256; ++c) bytes += static_cast<char>(c);
  // Good UTF-8, overlong, surrogate, above U+10FFFF, cut short, and a string that looks like the escape.
  record.spec.env = {bytes, "E=\xc3\xa4\xf0\x9f\x98\x80", "E=\xc0\x80", "E=\xe0\x80\x80", "E=\xed\xa0\x80",
                     "E=\xf4\x90\x80\x80", "E=\xf0\x9f\x98", "E=\\\x1f\x7f", std::string("E=\0x", 4), R"({"hex":"00"})"};
  record.spec.labels = {{"\xff", "\xfe"}, {"\xfe", ""}};
  const auto back = ContainerRecord::FromJson(record.ToJson());
  ASSERT_TRUE(back.ok()) << back.error().text();
  EXPECT_EQ(back->spec.env, record.spec.env);
  EXPECT_EQ(back->spec.labels, record.spec.labels);
}

TEST(ContainerRecord, MissingFieldsKeepTheirDefaultsAndUnknownOnesAreSkipped) {
  const std::string text = R"({"id":")" + std::string(64, '1') + R"(","pod":")" + std::string(64, '2') +
                           R"(","from_the_future":{"x":[1]},"spec":{"limits":{"devices":[{}]}}})";
  const auto record = ContainerRecord::FromJson(text);
  ASSERT_TRUE(record.ok()) << record.error().text();
  EXPECT_EQ(record->id.str(), std::string(64, '1'));
  EXPECT_EQ(record->spec.security.pid_mode, PidMode::kPod);
  EXPECT_FALSE(record->spec.security.run_as_user);
  EXPECT_EQ(record->spec.limits.devices->at(0).access, "rwm");
  EXPECT_EQ(record->spec.limits.devices->at(0).major, -1);
}

std::string WithSpec(std::string_view spec) {
  return Cat(R"({"id":")", std::string(64, '1'), R"(","pod":")", std::string(64, '2'), R"(","spec":)", spec, "}");
}

TEST(ContainerRecord, DamageIsAnErrorThatNamesTheField) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "not JSON"},
      {FullRecord().ToJson().substr(0, 500), "not JSON"},
      {"\xff\xfe", "not JSON"},
      {"[]", "not an object"},
      {"{}", "no id"},
      {R"({"id":"../../etc"})", "container record.id: not an id"},
      {R"({"id":""})", "container record.id: not an id"},
      {WithSpec("7"), "container record.spec: not an object"},
      {WithSpec(R"({"attempt":-1})"), "spec.attempt: not a whole number in range"},
      {WithSpec(R"({"attempt":4294967296})"), "spec.attempt: not a whole number in range"},
      {WithSpec(R"({"attempt":1.5})"), "spec.attempt"},
      {WithSpec(R"({"limits":{"memory":18446744073709551615}})"), "spec.limits.memory"},
      {WithSpec(R"({"tty":1})"), "spec.tty: not a boolean"},
      {WithSpec(R"({"env":["A=1",{"hex":"0g"}]})"), "spec.env[1]: not a string"},
      {WithSpec(R"({"env":[{"hex":"000"}]})"), "spec.env[0]: not a string"},
      {WithSpec(R"({"labels":{"a":"b"}})"), "spec.labels: not a list"},
      {WithSpec(R"({"labels":[["a"]]})"), "spec.labels[0]: not a pair"},
      {WithSpec(R"({"mounts":[{"propagation":"sideways"}]})"), "spec.mounts[0].propagation: unknown name"},
      {WithSpec(R"({"limits":{"devices":[{"type":"cc"}]}})"), "spec.limits.devices[0].type"},
  };
  for (const auto& [text, expected] : cases) {
    const auto record = ContainerRecord::FromJson(text);
    ASSERT_FALSE(record.ok()) << text;
    EXPECT_NE(record.error().text().find(expected), std::string::npos) << record.error().text();
  }
}

TEST(ContainerRecord, DeepNestingIsHarmless) {
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  EXPECT_TRUE(ContainerRecord::FromJson(WithSpec(Cat(R"({"future":)", deep, "}"))).ok());
  EXPECT_FALSE(ContainerRecord::FromJson(std::string(200'000, '[')).ok());
}

TEST(ContainerSpec, FingerprintTellsSpecsApart) {
  const ContainerSpec spec = FullRecord().spec;
  EXPECT_EQ(spec.Fingerprint(), FullRecord().spec.Fingerprint());
  ContainerSpec other = spec;
  other.env = {"B=3"};
  EXPECT_NE(other.Fingerprint(), spec.Fingerprint());
  other = spec;
  other.security.run_as_group.reset();
  EXPECT_NE(other.Fingerprint(), spec.Fingerprint());
  other = spec;
  other.command = {"sh"};
  other.args = {"-c", spec.args[0]};
  EXPECT_NE(other.Fingerprint(), spec.Fingerprint());
}

TEST(ExitRecord, ComesBack) {
  const ExitRecord exit{.exit_code = 137, .signal = 9, .oom_killed = true, .start_failed = true, .started_at = 1,
                        .finished_at = 2, .message = "m\xff", .reason = "OOMKilled"};
  const auto back = ExitRecord::FromJson(exit.ToJson());
  ASSERT_TRUE(back.ok()) << back.error().text();
  EXPECT_EQ(back->exit_code, 137);
  EXPECT_EQ(back->signal, 9);
  EXPECT_TRUE(back->oom_killed);
  EXPECT_TRUE(back->start_failed);
  EXPECT_EQ(back->started_at, 1);
  EXPECT_EQ(back->finished_at, 2);
  EXPECT_EQ(back->message, "m\xff");
  EXPECT_EQ(back->reason, "OOMKilled");
  EXPECT_FALSE(ExitRecord::FromJson("{\"signal\":\"9\"}").ok());
  EXPECT_FALSE(ExitRecord::FromJson("\0\0\0").ok());
}

}  // namespace
}  // namespace cradle::container
