// CDI devices: what a specification changes in a container, its hooks, and what is refused.
#include <sys/stat.h>

#include <filesystem>

#include "support/node_test.h"

namespace cradle::test {
namespace {

class Cdi : public NodeTest {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(daemon().dir() + "/config.toml.d");
    std::filesystem::create_directories(Dir());
    std::filesystem::create_directories(Told());
    WriteText(daemon().dir() + "/config.toml.d/cdi.toml",
              "[cdi]\nspec_dirs = [\"" + Dir() + "\"]\nhooks = [\"" + Hook() + "\"]\n");
    Restart();
    NodeTest::SetUp();
  }
  void TearDown() override {
    RemoveAllPods();
    for (const auto& entry : std::filesystem::directory_iterator(Dir())) std::filesystem::remove(entry.path());
    for (const auto& entry : std::filesystem::directory_iterator(Told())) std::filesystem::remove(entry.path());
    NodeTest::TearDown();
  }

  static std::string Dir() { return daemon().dir() + "/cdi"; }
  static std::string Told() { return daemon().dir() + "/told"; }  // by hooks, as $DIR
  static std::string Hook() { return "/bin/sh"; }
  // A specification of the kind "test.com/thing" with one device, "one".
  static void WriteSpec(const std::string& edits, const std::string& file = "test.yaml") {
    WriteText(Dir() + "/" + file, "cdiVersion: 0.6.0\nkind: test.com/thing\ndevices:\n- name: one\n  containerEdits:\n" + edits);
  }
  static std::string RunsHook(const std::string& stage, const std::string& script) {
    return "    hooks:\n    - hookName: " + stage + "\n      path: " + Hook() + "\n      args: [sh, -c, '" + script +
           "']\n      env: [PATH=/usr/bin:/bin, 'DIR=" + Told() + "']\n";
  }
  // In the innermost pid namespace that it is in.
  static std::string PidInside(pid_t pid) {
    std::string status = ReadText("/proc/" + std::to_string(pid) + "/status");
    std::string numbers = status.substr(status.find("\nNSpid:") + 1);
    numbers.resize(numbers.find('\n'));
    return numbers.substr(numbers.rfind('\t') + 1);
  }
  static v1::ContainerConfig With(v1::ContainerConfig config, const std::string& device = "test.com/thing=one") {
    config.add_cdi_devices()->set_name(device);
    return config;
  }
  void ExpectRefused(const std::string& pod, const v1::ContainerConfig& config, const std::string& why) {
    auto reply = TryCreate(pod, config);
    EXPECT_NE(reply.code(), grpc::OK);
    EXPECT_NE(reply.text().find(why), std::string::npos) << reply.text();
    EXPECT_TRUE(Containers().empty());
  }
};

TEST_F(Cdi, DevicesAreWhatTheirSpecificationSays) {
  WriteSpec("    deviceNodes:\n    - {path: /dev/fuse, permissions: r}\n    - {path: /dev/mine, hostPath: /dev/null, fileMode: 0640, gid: 7}\n"
            "    - {path: /dev/net/tun, type: c, major: 10, minor: 200}\n    - {path: /dev/loop9, type: b, major: 7, minor: 9}\n"
            "    env: [CDI=yes, PATH=/cdi:/bin]\n    additionalGids: [4711]\n"
            "    mounts:\n    - {hostPath: /etc/hostname, containerPath: /given/name, options: [ro, nosuid, nodev, bind]}\n");
  std::string container = StartNew(RunPod(PodConfig("pod")), With(Sleeper("c")));
  auto seen = Exec(container, {"sh", "-c",
                               "echo $CDI $PATH; id -G; stat -c '%F %a %g %t:%T' /dev/mine /dev/fuse /dev/net/tun /dev/loop9; "
                               "cat /given/name; (: < /dev/fuse) && echo read; (: > /dev/fuse) 2>/dev/null || echo refused"});
  struct stat fuse{};
  ASSERT_EQ(::stat("/dev/fuse", &fuse), 0);
  char mode[8];
  std::snprintf(mode, sizeof mode, "%o", fuse.st_mode & 07777);
  EXPECT_EQ(seen.stdout(), "yes /cdi:/bin\n0 4711\ncharacter special file 640 7 1:3\ncharacter special file " +
                               std::string(mode) + " " + std::to_string(fuse.st_gid) + " a:e5\n" +
                               "character special file 666 0 a:c8\nblock special file 666 0 7:9\n" +
                               ReadText("/etc/hostname") + "read\nrefused\n")
      << seen.stderr();
}

TEST_F(Cdi, AnnotationsNameDevicesToo) {
  WriteSpec("    env: [CDI=yes]\n");
  auto config = Sleeper("c");
  (*config.mutable_annotations())["cdi.k8s.io/plugin"] = "test.com/thing=one";
  std::string pod = RunPod(PodConfig("pod"));
  std::string container = StartNew(pod, config);
  EXPECT_EQ(Exec(container, {"sh", "-c", "echo $CDI"}).stdout(), "yes\n");
  EXPECT_EQ(CreateContainer(pod, config), container);  // the same request
  Restart();
  EXPECT_EQ(Exec(container, {"sh", "-c", "echo $CDI"}).stdout(), "yes\n");
  EXPECT_EQ(CreateContainer(pod, config), container);
}

TEST_F(Cdi, WhatCantBeHadIsRefusedAndNothingIsMade) {
  std::string pod = RunPod(PodConfig("pod"));
  ExpectRefused(pod, With(Sleeper("c")), "CDI device \"test.com/thing=one\": in no specification");
  ExpectRefused(pod, With(Sleeper("c"), "thing"), "CDI_devices[0].name");
  WriteText(Dir() + "/bad.json", "{");
  ExpectRefused(pod, With(Sleeper("c")), "bad.json: not JSON");
  WriteSpec("    deviceNodes: [{path: /dev/nvidia4711}]\n");
  ExpectRefused(pod, With(Sleeper("c")), "/dev/nvidia4711");
  WriteSpec("    hooks: [{hookName: createContainer, path: /usr/bin/other}]\n");
  ExpectRefused(pod, With(Sleeper("c")), "CDI hook createContainer /usr/bin/other: not in [cdi] hooks");
  WriteSpec("    env: [A=b]\n");
  WriteSpec("    env: [A=b]\n", "again.yaml");
  ExpectRefused(pod, With(Sleeper("c")), "ambiguous");
  std::filesystem::remove(Dir() + "/again.yaml");
  StartNew(pod, With(Sleeper("c")));  // beside bad.json
}

// A hook sees the container's files and changes them; what it says goes into the error.
TEST_F(Cdi, HooksRunBesideTheContainer) {
  WriteSpec(RunsHook("createContainer",
                     "cat > $DIR/state; cd $(grep -o \"/[^ ]*/root/containers/[0-9a-f]*/bundle\" $DIR/state) "
                     "&& grep -c ociVersion config.json > $DIR/seen && ls rootfs/proc/self >/dev/null && ln -s target rootfs/link") +
            RunsHook("poststop", "echo > $DIR/stopped").substr(std::string("    hooks:\n").size()) +
            RunsHook("poststart", "echo > $DIR/started").substr(std::string("    hooks:\n").size()));
  std::string pod = RunPod(PodConfig("pod"));
  std::string container = CreateContainer(pod, With(Sleeper("c")));
  std::string state = ReadText(Told() + "/state");
  EXPECT_NE(state.find("\"id\":\"" + container + "\""), std::string::npos) << state;
  EXPECT_NE(state.find("\"status\":\"creating\""), std::string::npos) << state;
  EXPECT_EQ(ReadText(Told() + "/seen"), "1\n");
  EXPECT_FALSE(std::filesystem::exists(Told() + "/started"));
  Start(container);
  EXPECT_TRUE(std::filesystem::exists(Told() + "/started"));
  EXPECT_EQ(Exec(container, {"readlink", "/link"}).stdout(), "target\n");
  EXPECT_FALSE(std::filesystem::exists(Told() + "/stopped"));
  RemoveContainer(container);
  EXPECT_TRUE(std::filesystem::exists(Told() + "/stopped"));
}

TEST_F(Cdi, HooksOfEveryStageRunInTheirOrder) {
  // A line: the stage, the state's pid and status, and in which namespaces it is. startContainer's is in the container.
  const std::string script = "echo $STAGE $(sed \"s/.*pid.:\\([0-9]*\\).*status...\\([a-z]*\\).*/\\1 \\2/;s/.*status...\\([a-z]*\\).*/none \\1/\")"
                             " $(readlink /proc/self/ns/pid) $(readlink /proc/self/ns/uts) $(readlink /proc/self/ns/mnt) >> $TOLD/lines";
  std::string hooks = "    hooks:\n";
  for (const char* stage : {"poststop", "poststart", "startContainer", "createContainer", "createRuntime", "prestart"})
    hooks += RunsHook(stage, "STAGE=" + std::string(stage) + "; TOLD=$DIR; [ -d $DIR ] || TOLD=/told; " + script)
                 .substr(std::string("    hooks:\n").size());
  WriteSpec("    mounts: [{hostPath: '" + Told() + "', containerPath: /told, options: [bind, rw]}]\n" + hooks);
  std::string container = CreateContainer(RunPod(PodConfig("pod")), With(Sleeper("c")));
  pid_t pid = PidOf(container);
  const auto ns = [](const std::string& process, const char* kind) {
    return std::filesystem::read_symlink("/proc/" + process + "/ns/" + kind).string();
  };
  const std::string own = ns("self", "pid") + " " + ns("self", "uts") + " ";
  const std::string container_pid = ns(std::to_string(pid), "pid"), container_uts = ns(std::to_string(pid), "uts"),
                    container_mnt = ns(std::to_string(pid), "mnt");
  auto lines = [&] { return Lines(ReadText(Told() + "/lines")); };
  auto expect_outside = [&](size_t at, const std::string& begin) {
    ASSERT_GT(lines().size(), at);
    const std::string line = lines()[at];
    EXPECT_TRUE(line.starts_with(begin + own)) << line;
    const std::string mount = line.substr(line.rfind(' ') + 1);
    EXPECT_NE(mount, container_mnt) << line;
  };
  ASSERT_EQ(lines().size(), 3u);
  expect_outside(0, "prestart " + std::to_string(pid) + " creating ");
  expect_outside(1, "createRuntime " + std::to_string(pid) + " creating ");
  expect_outside(2, "createContainer " + std::to_string(pid) + " creating ");
  Start(container);
  ASSERT_EQ(lines().size(), 5u);
  EXPECT_EQ(lines()[3], "startContainer " + PidInside(pid) + " created " + container_pid + " " + container_uts + " " + container_mnt);
  expect_outside(4, "poststart " + std::to_string(pid) + " running ");
  RemoveContainer(container);
  ASSERT_EQ(lines().size(), 6u);
  expect_outside(5, "poststop none stopped ");
}

TEST_F(Cdi, HooksOfEveryStageAreFromTheList) {
  std::string pod = RunPod(PodConfig("pod"));
  for (const char* stage : {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}) {
    WriteSpec("    hooks: [{hookName: " + std::string(stage) + ", path: /bin/../bin/sh}]\n");
    ExpectRefused(pod, With(Sleeper("c")), "CDI hook " + std::string(stage) + " /bin/../bin/sh: not in [cdi] hooks");
  }
}

TEST_F(Cdi, AStartHookThatFailsEndsTheContainer) {
  WriteSpec(RunsHook("startContainer", "id -u >&2; exit 3"));
  auto config = With(Sleeper("c"));
  config.mutable_linux()->mutable_security_context()->mutable_run_as_user()->set_value(1234);
  std::string container = CreateContainer(RunPod(PodConfig("pod")), config);
  v1::StartContainerRequest request;
  request.set_container_id(container);
  auto reply = CRI_CALL(StartContainer, request);
  EXPECT_EQ(reply.code(), grpc::INTERNAL);
  EXPECT_NE(reply.text().find("CDI hook startContainer /bin/sh: exited with 3; it said: 1234"), std::string::npos)
      << reply.text();
  EXPECT_EQ(StatusOf(container).state(), v1::CONTAINER_EXITED);
}

TEST_F(Cdi, AHookThatFailsLeavesNothing) {
  std::string pod = RunPod(PodConfig("pod"));
  for (const char* stage : {"prestart", "createRuntime", "createContainer"}) {
    WriteSpec(RunsHook(stage, "echo no driver >&2; exit 3"));
    ExpectRefused(pod, With(Sleeper("c")), "CDI hook " + std::string(stage) + " /bin/sh: exited with 3; it said: no driver");
  }
}

TEST_F(Cdi, AHookThatTakesTooLongIsKilled) {
  const auto slow = [](const char* stage) { return RunsHook(stage, "sleep 100000") + "      timeout: 1\n"; };
  std::string pod = RunPod(PodConfig("pod"));
  for (const char* stage : {"prestart", "createRuntime", "createContainer"}) {
    WriteSpec(slow(stage));
    ExpectRefused(pod, With(Sleeper("c")), "CDI hook " + std::string(stage) + " /bin/sh: no answer in time, killed");
  }
  WriteSpec(slow("startContainer"));
  v1::StartContainerRequest request;
  request.set_container_id(CreateContainer(pod, With(Sleeper("c"))));
  auto reply = CRI_CALL(StartContainer, request);
  EXPECT_EQ(reply.code(), grpc::DEADLINE_EXCEEDED) << reply.text();
  EXPECT_NE(reply.text().find("CDI hook startContainer /bin/sh: timed out and was killed"), std::string::npos) << reply.text();
  EXPECT_EQ(StatusOf(request.container_id()).state(), v1::CONTAINER_EXITED);
}

}  // namespace
}  // namespace cradle::test
