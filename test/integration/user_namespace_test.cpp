// Pods with user namespaces, as the kubelet asks for them.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "support/node_test.h"

namespace cradle::test {
namespace {

constexpr uint32_t kFirst = 524288, kLength = 65536;

void Map(google::protobuf::RepeatedPtrField<v1::IDMapping>* ids) {
  v1::IDMapping* range = ids->Add();
  range->set_host_id(kFirst);
  range->set_length(kLength);
}

class UserNamespace : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    if (!HasUserNamespaces()) GTEST_SKIP() << "needs Linux 6.13";
  }
  static v1::PodSandboxConfig Config(Net net = Net::kBridge) {
    v1::PodSandboxConfig config = PodConfig("mapped", net);
    auto* users = config.mutable_linux()->mutable_security_context()->mutable_namespace_options()->mutable_userns_options();
    users->set_mode(v1::POD);
    Map(users->mutable_uids());
    Map(users->mutable_gids());
    return config;
  }
  // As the kubelet mounts a volume in such a pod.
  void Mount(v1::ContainerConfig& config, const std::string& from, const std::string& to) {
    v1::Mount* mount = config.add_mounts();
    mount->set_host_path(from);
    mount->set_container_path(to);
    Map(mount->mutable_uidmappings());
    Map(mount->mutable_gidmappings());
  }
  std::string Out(const std::string& container, const std::string& script) {
    auto answer = Exec(container, {"sh", "-c", script});
    return answer.stdout() + answer.stderr();
  }
};

class UserNamespaceOffer : public NodeTest {};

TEST_F(UserNamespaceOffer, IsMadeWhereTheKernelHasThem) {
  auto status = Must(CRI_CALL(Status, v1::StatusRequest()));
  ASSERT_EQ(status.runtime_handlers_size(), 1);
  EXPECT_EQ(status.runtime_handlers(0).features().user_namespaces(), HasUserNamespaces());
  EXPECT_EQ(status.features().user_namespaces_host_network(), HasUserNamespaces());
}

TEST_F(UserNamespace, APodLivesAWholeLifeInIt) {
  std::string volume = daemon().dir() + "/volume";
  std::filesystem::create_directories(volume);
  std::string pod = RunPod(Config());
  const auto told = PodStatus(pod).linux().namespaces().options().userns_options();
  EXPECT_EQ(told.mode(), v1::POD);
  ASSERT_EQ(told.uids_size(), 1);
  EXPECT_EQ(told.uids(0).host_id(), kFirst);
  EXPECT_EQ(told.gids(0).length(), kLength);

  auto config = Sleeper("c");
  Mount(config, volume, "/data");
  config.mutable_linux()->mutable_security_context()->mutable_run_as_user()->set_value(1000);
  std::string container = StartNew(pod, config);
  struct stat process {};
  ASSERT_EQ(::stat(("/proc/" + std::to_string(PidOf(container))).c_str(), &process), 0);
  EXPECT_EQ(process.st_uid, kFirst + 1000);
  EXPECT_EQ(StatusOf(container).user().linux().uid(), 1000);

  auto root = Sleeper("root");
  Mount(root, volume, "/data");
  container = StartNew(pod, root);
  EXPECT_EQ(Out(container, "id -u; stat -c %u / /etc /etc/hosts /etc/resolv.conf /data /dev/shm"), "0\n0\n0\n0\n0\n0\n0\n");
  EXPECT_EQ(Out(container, "echo here >/data/file; echo more >>/etc/hosts; cat /data/file; mount -t tmpfs none /tmp"),
            "here\nmount: permission denied (are you root?)\n");
  EXPECT_EQ(ReadText(volume + "/file"), "here\n");
  EXPECT_NE(Out(container, "cat /etc/hosts").find(PodStatus(pod).network().ip()), std::string::npos);
  StopContainer(container, 0);
  RemoveContainer(container);
  std::filesystem::remove_all(volume);
}

TEST_F(UserNamespace, SurvivesTheDaemon) {
  std::string pod = RunPod(Config());
  std::string container = StartNew(pod, Sleeper("before"));
  Restart();
  EXPECT_EQ(PodStatus(pod).linux().namespaces().options().userns_options().uids(0).host_id(), kFirst);
  std::string map = "         0     524288      65536\n";
  EXPECT_EQ(Out(container, "cat /proc/self/uid_map"), map);
  EXPECT_EQ(Out(StartNew(pod, Sleeper("after")), "cat /proc/self/uid_map"), map);
}

TEST_F(UserNamespace, GoesWithTheHostsNetwork) {
  std::string container = StartNew(RunPod(Config(Net::kHost)), Sleeper("c"));
  EXPECT_EQ(Out(container, "readlink /proc/self/ns/net"),
            std::filesystem::read_symlink("/proc/self/ns/net").string() + "\n");
  EXPECT_EQ(Out(container, "ls /sys/class/net | grep -c ^lo$"), "1\n");
}

TEST_F(UserNamespace, ReadsItsOwnFiguresInProc) {
  auto config = Sleeper("c");
  config.mutable_linux()->mutable_resources()->set_memory_limit_in_bytes(64 << 20);
  config.mutable_linux()->mutable_security_context()->add_masked_paths("/proc/kcore");
  std::string container = StartNew(RunPod(Config()), config);
  EXPECT_EQ(Out(container, "grep MemTotal /proc/meminfo; cat /sys/devices/system/cpu/online | wc -l"),
            "MemTotal:          65536 kB\n1\n");
}

TEST_F(UserNamespace, SharesProcessesAsThePodSays) {
  auto config = Config();
  config.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_pid(v1::CONTAINER);
  std::string container = StartNew(RunPod(config), Sleeper("c"));
  EXPECT_TRUE(Eventually([&] { return Out(container, "cat /proc/1/comm") == "sleep\n"; }));  // a moment after the start
  std::string shared = StartNew(RunPod(Config()), Sleeper("c"));
  EXPECT_EQ(Out(shared, "cat /proc/1/comm"), "cradle-pause\n");
}

TEST_F(UserNamespace, AContainerThatFailsLeavesNothing) {
  std::string pod = RunPod(Config());
  auto config = Sleeper("c");
  Mount(config, "/proc/sys", "/data");
  auto reply = TryCreate(pod, config);
  EXPECT_EQ(reply.code(), grpc::INVALID_ARGUMENT);
  EXPECT_NE(reply.text().find("\"/proc/sys\" can't have the ids of the pod's user namespace"), std::string::npos)
      << reply.text();
  config = Sleeper("c");
  config.mutable_linux()->mutable_security_context()->mutable_run_as_user()->set_value(70000);
  EXPECT_NE(TryCreate(pod, config).text().find("run_as_user: 70000: the pod's user namespace has ids 0 to 65535"),
            std::string::npos);
}

TEST_F(UserNamespace, APrivilegedContainerIsPrivilegedInItAlone) {
  auto config = Config();
  config.mutable_linux()->mutable_security_context()->set_privileged(true);
  std::string pod = RunPod(config);
  auto sleeper = Sleeper("c");
  sleeper.mutable_linux()->mutable_security_context()->set_privileged(true);
  std::string container = StartNew(pod, sleeper);
  EXPECT_EQ(Out(container, "mount -t tmpfs none /tmp && echo mounted; echo 0 >/proc/sys/vm/swappiness"),
            "mounted\nsh: can't create /proc/sys/vm/swappiness: Permission denied\n");
}

}  // namespace
}  // namespace cradle::test
