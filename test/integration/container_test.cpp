// Containers: states, exit codes, stopping, and what their processes see.
#include <sys/mount.h>

#include <filesystem>

#include "support/node_test.h"

namespace cradle::test {
namespace {

class Container : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    pod_ = RunPod(PodConfig("pod"));
  }
  // Runs it to its end.
  v1::ContainerStatus Outcome(const std::string& script) { return WaitExited(StartNew(pod_, Shell(Name(), script))); }
  // What it wrote to standard output.
  std::string Said(const v1::ContainerConfig& config) {
    std::string container = StartNew(pod_, config);
    WaitExited(container);
    std::string said;
    const std::string head = " stdout F ";
    for (const std::string& line : LogLines(container))
      if (size_t at = line.find(head); at != std::string::npos) said += line.substr(at + head.size()) + "\n";
    return said;
  }
  std::string Name() { return "c" + std::to_string(++count_); }

  std::string pod_;

 private:
  int count_ = 0;
};

constexpr v1::MountPropagation kPropagations[] = {v1::PROPAGATION_PRIVATE, v1::PROPAGATION_HOST_TO_CONTAINER,
                                                  v1::PROPAGATION_BIDIRECTIONAL};

std::string Field(const std::string& status, const std::string& name) {
  for (const std::string& line : Lines(status))
    if (line.rfind(name + ":\t", 0) == 0) return line.substr(name.size() + 2);
  return "";
}

TEST_F(Container, GoesFromCreatedToRunningToExited) {
  std::string container = CreateContainer(pod_, Sleeper("c"));
  auto status = StatusOf(container);
  EXPECT_EQ(status.state(), v1::CONTAINER_CREATED);
  EXPECT_GT(status.created_at(), 0);
  EXPECT_EQ(status.started_at(), 0);
  Start(container);
  status = StatusOf(container);
  EXPECT_EQ(status.state(), v1::CONTAINER_RUNNING);
  EXPECT_GE(status.started_at(), status.created_at());
  EXPECT_EQ(status.finished_at(), 0);
  StopContainer(container, 0);
  status = StatusOf(container);
  EXPECT_EQ(status.state(), v1::CONTAINER_EXITED);
  EXPECT_GE(status.finished_at(), status.started_at());
}

TEST_F(Container, TellsTheExitCode) {
  for (int code : {0, 3, 255}) {
    auto status = Outcome("exit " + std::to_string(code));
    EXPECT_EQ(status.exit_code(), code);
    EXPECT_EQ(status.reason(), code == 0 ? "Completed" : "Error");
  }
}

TEST_F(Container, TellsTheSignalThatKilledIt) {
  EXPECT_EQ(Outcome("exec sh -c 'kill -SEGV $$'").exit_code(), 139);
  std::string container = StartNew(pod_, Sleeper("killed"));
  ::kill(PidOf(container), SIGKILL);
  EXPECT_EQ(WaitExited(container).exit_code(), 137);
}

TEST_F(Container, SaysWhyItCannotStart) {
  std::string container = CreateContainer(pod_, ContainerConfig("c", {"/no/such/program"}));
  v1::StartContainerRequest request;
  request.set_container_id(container);
  auto reply = CRI_CALL(StartContainer, request);
  EXPECT_FALSE(reply.ok());
  EXPECT_NE(reply.text().find("/no/such/program"), std::string::npos) << reply.text();
  EXPECT_EQ(StatusOf(container).state(), v1::CONTAINER_EXITED);
  EXPECT_NE(StatusOf(container).exit_code(), 0);
}

TEST_F(Container, StartsOnce) {
  std::string container = StartNew(pod_, Sleeper("c"));
  v1::StartContainerRequest request;
  request.set_container_id(container);
  auto reply = CRI_CALL(StartContainer, request);
  EXPECT_EQ(reply.code(), grpc::FAILED_PRECONDITION) << reply.text();
}

TEST_F(Container, StopLetsItEndInItsGrace) {
  std::string container = StartNew(pod_, Shell("c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done"));
  ASSERT_TRUE(WaitForLog(container, "ready"));
  StopContainer(container, 60);
  EXPECT_EQ(StatusOf(container).exit_code(), 7);
}

TEST_F(Container, StopKillsWhatIgnoresItsSignal) {
  std::string container = StartNew(pod_, Shell("c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"));
  ASSERT_TRUE(WaitForLog(container, "ready"));
  StopContainer(container, 1);
  EXPECT_EQ(StatusOf(container).exit_code(), 137);
}

TEST_F(Container, StopSendsTheSignalOfTheRequest) {
  auto config = Shell("c", "trap 'exit 9' USR1; trap '' TERM; echo ready; while :; do sleep 0.1; done");
  config.set_stop_signal(v1::SIGNAL_SIGUSR1);
  std::string container = StartNew(pod_, config);
  ASSERT_TRUE(WaitForLog(container, "ready"));
  EXPECT_EQ(StatusOf(container).stop_signal(), v1::SIGNAL_SIGUSR1);
  StopContainer(container, 60);
  EXPECT_EQ(StatusOf(container).exit_code(), 9);
}

TEST_F(Container, TheEndOfTheFirstProcessEndsAll) {
  std::string container = StartNew(pod_, Shell("c", "setsid sleep 33333 & exit 4"));
  EXPECT_EQ(WaitExited(container).exit_code(), 4);
  std::string other = StartNew(pod_, Sleeper("other"));
  EXPECT_TRUE(Eventually([&] { return Exec(other, {"ps"}).stdout().find("33333") == std::string::npos; }));
}

TEST_F(Container, IsRemovedInEveryState) {
  std::string created = CreateContainer(pod_, Sleeper("created"));
  std::string running = StartNew(pod_, Sleeper("running"));
  std::string exited = StartNew(pod_, Shell("exited", "exit 0"));
  WaitExited(exited);
  for (const std::string& container : {created, running, exited}) {
    RemoveContainer(container);
    RemoveContainer(container);
    v1::ContainerStatusRequest request;
    request.set_container_id(container);
    EXPECT_EQ(CRI_CALL(ContainerStatus, request).code(), grpc::NOT_FOUND);
  }
  EXPECT_TRUE(Containers().empty());
}

TEST_F(Container, HasItsArgumentsEnvironmentAndDirectory) {
  auto config = ContainerConfig("c", {"sh", "-c"});
  config.add_args("echo \"$0|$1|$GREETING|$(pwd)\"");
  config.add_args("zero");
  config.add_args("a b");
  auto* env = config.add_envs();
  env->set_key("GREETING");
  env->set_value("hello = world");
  config.set_working_dir("/new/folder");
  EXPECT_EQ(Said(config), "zero|a b|hello = world|/new/folder\n");
}

TEST_F(Container, RunsAsTheUserAndGroupsAsked) {
  auto config = Shell("c", "id -u; id -g; id -G");
  auto* security = config.mutable_linux()->mutable_security_context();
  security->mutable_run_as_user()->set_value(1234);
  security->mutable_run_as_group()->set_value(2345);
  security->add_supplemental_groups(3456);
  EXPECT_EQ(Said(config), "1234\n2345\n2345 3456\n");
}

// www-data is in its own group by /etc/passwd, and in 4321 by the request.
TEST_F(Container, TellsTheGroupsThatCameOfThePolicy) {
  auto config = Shell("merge", "id -G");
  auto* security = config.mutable_linux()->mutable_security_context();
  security->set_run_as_username("www-data");
  security->add_supplemental_groups(4321);
  security->set_supplemental_groups_policy(v1::Merge);
  std::string merged = StartNew(pod_, config);
  config.mutable_metadata()->set_name("strict");
  security->set_supplemental_groups_policy(v1::Strict);
  std::string strict = StartNew(pod_, config);
  for (const std::string& container : {merged, strict}) {
    WaitExited(container);
    const auto user = StatusOf(container).user().linux();
    EXPECT_EQ(user.uid(), 33);
    EXPECT_EQ(user.gid(), 33);
    EXPECT_EQ((std::vector<int64_t>{user.supplemental_groups().begin(), user.supplemental_groups().end()}),
              (std::vector<int64_t>{33, 4321}));
  }
}

TEST_F(Container, SeesTheProcessesOfItsTarget) {
  auto config = PodConfig("apart");
  config.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_pid(v1::CONTAINER);
  std::string pod = RunPod(config);
  std::string target = StartNew(pod, Sleeper("target"));
  auto debugger = Sleeper("debugger");
  auto* options = debugger.mutable_linux()->mutable_security_context()->mutable_namespace_options();
  options->set_pid(v1::TARGET);
  options->set_target_id(target);
  EXPECT_EQ(Exec(StartNew(pod, debugger), {"readlink", "/proc/1/ns/pid"}).stdout(),
            std::filesystem::read_symlink("/proc/" + std::to_string(PidOf(target)) + "/ns/pid").string() + "\n");
}

TEST_F(Container, WritesToItsOwnLayerOnly) {
  std::string first = StartNew(pod_, Shell("first", "echo mine > /bin/mine; sleep 1000000"));
  EXPECT_TRUE(Eventually([&] { return Exec(first, {"cat", "/bin/mine"}).stdout() == "mine\n"; }));
  std::string second = StartNew(pod_, Sleeper("second"));
  EXPECT_NE(Exec(second, {"cat", "/bin/mine"}).exit_code(), 0);
}

TEST_F(Container, CannotWriteAReadOnlyRoot) {
  auto config = Shell("c", "echo x > /bin/x || echo refused");
  config.mutable_linux()->mutable_security_context()->set_readonly_rootfs(true);
  EXPECT_EQ(Said(config), "refused\n");
}

TEST_F(Container, SeesItsVolumes) {
  std::string host = daemon().dir() + "/volume";
  std::filesystem::create_directories(host);
  WriteText(host + "/from-host", "host\n");
  auto config = Shell("c", "cat /data/from-host; echo in > /data/from-container; echo x > /frozen/x || echo refused");
  auto* data = config.add_mounts();
  data->set_host_path(host);
  data->set_container_path("/data");
  auto* frozen = config.add_mounts();
  frozen->set_host_path(host);
  frozen->set_container_path("/frozen");
  frozen->set_readonly(true);
  EXPECT_EQ(Said(config), "host\nrefused\n");
  EXPECT_EQ(ReadText(host + "/from-container"), "in\n");
  std::filesystem::remove_all(host);
}

TEST_F(Container, MountsAsItsOptionsSay) {
  std::string host = daemon().dir() + "/volume";
  std::filesystem::create_directories(host);
  std::filesystem::create_directory_symlink(host, daemon().dir() + "/link");
  auto config = Shell("c", "cp /bin/busybox /data/true; /data/true 2>&1 || echo refused; grep ' /data ' /proc/self/mountinfo");
  auto* data = config.add_mounts();
  data->set_host_path(daemon().dir() + "/link");
  data->set_container_path("/data");
  for (const char* option : {"noexec", "nodev", "nosuid"}) data->add_mount_options(option);
  std::string said = Said(config);
  EXPECT_NE(said.find("Permission denied\nrefused\n"), std::string::npos) << said;
  EXPECT_NE(said.find("nosuid,nodev,noexec"), std::string::npos) << said;
  EXPECT_TRUE(std::filesystem::exists(host + "/true"));
  std::filesystem::remove(daemon().dir() + "/link");
  std::filesystem::remove_all(host);
}

TEST_F(Container, AMissingHostPathIsNamed) {
  for (auto propagation : kPropagations) {
    auto config = Sleeper("c");
    auto* data = config.add_mounts();
    data->set_host_path(daemon().dir() + "/none");
    data->set_container_path("/data");
    data->set_propagation(propagation);
    auto reply = TryCreate(pod_, config);
    EXPECT_EQ(reply.code(), grpc::NOT_FOUND) << reply.text();
    EXPECT_NE(reply.text().find(daemon().dir() + "/none"), std::string::npos) << reply.text();
    EXPECT_FALSE(std::filesystem::exists(daemon().dir() + "/none"));
  }
}

TEST_F(Container, MountsPropagateAsAskedAlsoThroughALink) {
  std::string host = daemon().dir() + "/volume", link = daemon().dir() + "/link";
  std::filesystem::create_directories(host);
  std::filesystem::create_directory_symlink(host, link);
  ASSERT_EQ(::mount("none", host.c_str(), "tmpfs", 0, nullptr), 0);
  ASSERT_EQ(::mount(nullptr, host.c_str(), nullptr, MS_SHARED, nullptr), 0);
  auto pod = PodConfig("privileged");
  pod.mutable_linux()->mutable_security_context()->set_privileged(true);
  auto config = Sleeper("c");
  config.mutable_linux()->mutable_security_context()->set_privileged(true);
  for (auto propagation : kPropagations) {
    auto* mount = config.add_mounts();
    mount->set_host_path(link);
    mount->set_container_path("/" + std::to_string(propagation));
    mount->set_propagation(propagation);
  }
  std::string container = StartNew(RunPod(pod), config);
  std::filesystem::create_directories(host + "/of-host");
  ASSERT_EQ(::mount("none", (host + "/of-host").c_str(), "tmpfs", 0, nullptr), 0);
  EXPECT_EQ(Exec(container, {"sh", "-c", "for i in 0 1 2; do grep -q \" /$i/of-host \" /proc/self/mountinfo && echo $i; done"}).stdout(), "1\n2\n");
  EXPECT_EQ(Exec(container, {"sh", "-c", "for i in 0 1 2; do mkdir /$i/of-$i; mount -t tmpfs none /$i/of-$i; done"}).stderr(), "");
  std::string mounts = ReadText("/proc/self/mountinfo");
  for (const char* name : {"/of-0 ", "/of-1 "}) EXPECT_EQ(mounts.find(host + name), std::string::npos) << name;
  EXPECT_NE(mounts.find(host + "/of-2 "), std::string::npos) << mounts;
  StopContainer(container, 0);
  EXPECT_EQ(::umount2(host.c_str(), MNT_DETACH), 0);
  std::filesystem::remove(link);
  std::filesystem::remove_all(host);
}

TEST_F(Container, RecursiveReadOnlyCoversWhatIsMountedBelow) {
  std::string host = daemon().dir() + "/volume";
  std::filesystem::create_directories(host + "/below");
  ASSERT_EQ(::mount("none", (host + "/below").c_str(), "tmpfs", 0, nullptr), 0);
  auto config = Shell("c", "touch /plain/below/x && echo plain; touch /frozen/below/x 2>&1");
  for (const char* name : {"/plain", "/frozen"}) {
    auto* mount = config.add_mounts();
    mount->set_host_path(host);
    mount->set_container_path(name);
    mount->set_readonly(true);
    mount->set_recursive_read_only(name == std::string("/frozen"));
  }
  EXPECT_EQ(Said(config), "plain\ntouch: /frozen/below/x: Read-only file system\n");
  EXPECT_EQ(::umount(((host + "/below").c_str())), 0);
  std::filesystem::remove_all(host);
}

TEST_F(Container, UnmaskedShowsEverything) {
  auto config = Sleeper("masked");
  auto* security = config.mutable_linux()->mutable_security_context();
  security->add_masked_paths("/proc/acpi");
  security->add_masked_paths("/proc/timer_list");
  security->add_readonly_paths("/proc/sys");
  std::string mounts = Exec(StartNew(pod_, config), {"cat", "/proc/self/mountinfo"}).stdout();
  EXPECT_NE(mounts.find(" /proc/timer_list "), std::string::npos) << mounts;
  EXPECT_NE(mounts.find(" /proc/sys "), std::string::npos) << mounts;
  mounts = Exec(StartNew(pod_, Sleeper("unmasked")), {"cat", "/proc/self/mountinfo"}).stdout();
  EXPECT_EQ(mounts.find(" /proc/"), std::string::npos) << mounts;
}

TEST_F(Container, HasTheNodesDefaults) {
  std::string file = daemon().dir() + "/config.toml.d/defaults.toml";
  std::filesystem::create_directories(daemon().dir() + "/config.toml.d");
  WriteText(file, "[runtime]\ntimezone = \"Asia/Tokyo\"\ndefault_env = [\"FROM=node\"]\ndefault_ulimits = [\"core=2560:3584\"]\n");
  Restart();
  std::string container = StartNew(RunPod(PodConfig("pod")), Sleeper("c"));
  EXPECT_EQ(Exec(container, {"sh", "-c", "date +%Z; echo $FROM $TZ.; ulimit -c; ulimit -Hc; umask"}).stdout(),
            "JST\nnode .\n5\n7\n0022\n");
  std::filesystem::remove_all(daemon().dir() + "/config.toml.d");
  Restart();
}

TEST_F(Container, HasTheDefaultCapabilitiesAndNoMore) {
  std::string container = StartNew(pod_, Sleeper("c"));
  EXPECT_EQ(Field(Exec(container, {"cat", "/proc/self/status"}).stdout(), "NoNewPrivs"), "0");
  // chown dac_override fowner fsetid kill setgid setuid setpcap net_bind net_raw sys_chroot mknod audit_write setfcap
  EXPECT_EQ(Field(Exec(container, {"cat", "/proc/self/status"}).stdout(), "CapEff"), "00000000a80425fb");
}

TEST_F(Container, AddsAndDropsCapabilities) {
  auto config = Shell("c", "grep CapEff /proc/self/status");
  auto* capabilities = config.mutable_linux()->mutable_security_context()->mutable_capabilities();
  capabilities->add_drop_capabilities("ALL");
  capabilities->add_add_capabilities("NET_ADMIN");
  EXPECT_EQ(Said(config), "CapEff:\t0000000000001000\n");
}

TEST_F(Container, AmbientCapabilitiesReachAUserWhoIsNotRoot) {
  auto config = Shell("c", "grep -E '^Cap(Eff|Amb)' /proc/self/status");
  auto* security = config.mutable_linux()->mutable_security_context();
  security->mutable_run_as_user()->set_value(1000);
  security->mutable_capabilities()->add_add_capabilities("NET_ADMIN");
  security->mutable_capabilities()->add_add_ambient_capabilities("NET_ADMIN");
  EXPECT_EQ(Said(config), "CapEff:\t0000000000001000\nCapAmb:\t0000000000001000\n");
}

TEST_F(Container, KeepsNoNewPrivilegesAndSeccomp) {
  auto config = Shell("c", "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status");
  auto* security = config.mutable_linux()->mutable_security_context();
  security->set_no_new_privs(true);
  security->mutable_seccomp()->set_profile_type(v1::SecurityProfile::RuntimeDefault);
  EXPECT_EQ(Said(config), "NoNewPrivs:\t1\nSeccomp:\t2\n");
}

TEST_F(Container, MasksWhatLeadsToTheHost) {
  auto config = Shell("c", "echo x > /proc/sys/kernel/domainname || echo refused; wc -c < /proc/version");
  config.mutable_linux()->mutable_security_context()->add_masked_paths("/proc/version");
  config.mutable_linux()->mutable_security_context()->add_readonly_paths("/proc/sys");
  EXPECT_EQ(Said(config), "refused\n0\n");
}

TEST_F(Container, OnATerminalWritesOneStream) {
  auto config = Shell("c", "test -t 1 && test -t 2 && echo out && echo err >&2");
  config.set_tty(true);
  std::string container = StartNew(pod_, config);
  WaitExited(container);
  auto lines = LogLines(container);
  ASSERT_EQ(lines.size(), 2u);
  for (const std::string& line : lines) EXPECT_NE(line.find(" stdout "), std::string::npos) << line;
}

TEST_F(Container, GivesFigures) {
  std::string container = StartNew(pod_, Sleeper("c"));
  v1::ContainerStatsRequest request;
  request.set_container_id(container);
  auto stats = Must(CRI_CALL(ContainerStats, request)).stats();
  EXPECT_EQ(stats.attributes().id(), container);
  EXPECT_GT(stats.cpu().timestamp(), 0);
  EXPECT_GT(stats.cpu().usage_core_nano_seconds().value(), 0u);
  EXPECT_GT(stats.memory().working_set_bytes().value(), 0u);
  // The kubelet asks for this folder's file system, maybe when the container is removed already.
  EXPECT_EQ(stats.writable_layer().fs_id().mountpoint(), daemon().root() + "/containers");
}

}  // namespace
}  // namespace cradle::test
