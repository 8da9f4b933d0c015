// Pods: their life, their network, what their containers share.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "support/node_test.h"

namespace cradle::test {
namespace {

class Pod : public NodeTest {};

v1::ListPodSandboxRequest ById(const std::string& id) {
  v1::ListPodSandboxRequest request;
  request.mutable_filter()->set_id(id);
  return request;
}

// What a TCP server says before it closes; "" when nobody listens.
std::string Hear(const std::string& ip, int port) {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  ::inet_pton(AF_INET, ip.c_str(), &address.sin_addr);
  timeval patience{5, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  std::string text;
  char buffer[256];
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
    for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(n));
  ::close(fd);
  return text;
}

TEST_F(Pod, RunsWithAnAddressAndIsListed) {
  std::string pod = RunPod(PodConfig("net", Net::kBridge));
  auto status = PodStatus(pod);
  EXPECT_EQ(status.state(), v1::SANDBOX_READY);
  EXPECT_EQ(status.network().ip().rfind("10.88.", 0), 0u) << status.network().ip();
  EXPECT_GT(status.created_at(), 0);
  auto list = Must(CRI_CALL(ListPodSandbox, ById(pod.substr(0, 13))));
  ASSERT_EQ(list.items_size(), 1);
  EXPECT_EQ(list.items(0).id(), pod);
  EXPECT_FALSE(std::filesystem::is_empty("/run/netns")) << "plugins and people look there";
}

TEST_F(Pod, GivesBackMetadataLabelsAndAnnotations) {
  auto config = PodConfig("marked");
  config.mutable_metadata()->set_attempt(3);
  (*config.mutable_labels())["app"] = "x y=z";
  (*config.mutable_annotations())["note"] = "a \"quoted\"\nword \xc3\xa9";
  std::string pod = RunPod(config);
  auto status = PodStatus(pod);
  EXPECT_EQ(status.metadata().SerializeAsString(), config.metadata().SerializeAsString());
  EXPECT_EQ(status.labels().at("app"), "x y=z");
  EXPECT_EQ(status.annotations().at("note"), config.annotations().at("note"));
}

TEST_F(Pod, FiltersByStateAndLabels) {
  auto red = PodConfig("red"), blue = PodConfig("blue");
  (*red.mutable_labels())["colour"] = "red";
  (*blue.mutable_labels())["colour"] = "blue";
  std::string first = RunPod(red), second = RunPod(blue);
  StopPod(second);
  v1::ListPodSandboxRequest request;
  (*request.mutable_filter()->mutable_label_selector())["colour"] = "red";
  auto found = Must(CRI_CALL(ListPodSandbox, request));
  ASSERT_EQ(found.items_size(), 1);
  EXPECT_EQ(found.items(0).id(), first);
  request.mutable_filter()->clear_label_selector();
  request.mutable_filter()->mutable_state()->set_state(v1::SANDBOX_NOTREADY);
  found = Must(CRI_CALL(ListPodSandbox, request));
  ASSERT_EQ(found.items_size(), 1);
  EXPECT_EQ(found.items(0).id(), second);
}

TEST_F(Pod, StopsItsContainersAndStillAnswers) {
  std::string pod = RunPod(PodConfig("stopping", Net::kBridge));
  std::string container = StartNew(pod, Shell("stubborn", "trap '' TERM; while :; do sleep 1000; done"));
  StopPod(pod);
  EXPECT_EQ(PodStatus(pod).state(), v1::SANDBOX_NOTREADY);
  auto status = StatusOf(container);
  EXPECT_EQ(status.state(), v1::CONTAINER_EXITED);
  EXPECT_EQ(status.exit_code(), 137);
  EXPECT_TRUE(std::filesystem::is_empty("/run/netns"));
}

TEST_F(Pod, StopAndRemoveMayBeRepeated) {
  std::string pod = RunPod(PodConfig("twice", Net::kBridge));
  StopPod(pod);
  StopPod(pod);
  RemovePod(pod);
  RemovePod(pod);
  StopPod(pod);
  v1::PodSandboxStatusRequest request;
  request.set_pod_sandbox_id(pod);
  EXPECT_EQ(CRI_CALL(PodSandboxStatus, request).code(), grpc::NOT_FOUND);
}

TEST_F(Pod, RemoveTakesRunningContainersAlong) {
  std::string pod = RunPod(PodConfig("sudden", Net::kBridge));
  StartNew(pod, Sleeper("a"));
  CreateContainer(pod, Sleeper("b"));
  RemovePod(pod);
  EXPECT_TRUE(Pods().empty());
  EXPECT_TRUE(Containers().empty());
}

TEST_F(Pod, ContainersSeeHostnameHostsAndDns) {
  auto config = PodConfig("named", Net::kBridge);
  config.set_hostname("web-0");
  config.mutable_dns_config()->add_servers("10.96.0.10");
  config.mutable_dns_config()->add_searches("svc.cluster.local");
  config.mutable_dns_config()->add_options("ndots:5");
  std::string pod = RunPod(config);
  std::string container = StartNew(pod, Sleeper("c"));
  EXPECT_EQ(Exec(container, {"hostname"}).stdout(), "web-0\n");
  EXPECT_EQ(Exec(container, {"cat", "/etc/hostname"}).stdout(), "web-0\n");
  std::string hosts = Exec(container, {"cat", "/etc/hosts"}).stdout();
  EXPECT_NE(hosts.find("127.0.0.1\tlocalhost"), std::string::npos) << hosts;
  EXPECT_NE(hosts.find(PodStatus(pod).network().ip()), std::string::npos) << hosts;
  EXPECT_EQ(Exec(container, {"cat", "/etc/resolv.conf"}).stdout(),
            "search svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n");
}

TEST_F(Pod, SysctlsAreSetInItsNamespacesOnly) {
  auto config = PodConfig("tuned", Net::kBridge);
  (*config.mutable_linux()->mutable_sysctls())["net.ipv4.ip_local_port_range"] = "1024\t2048";
  std::string host = ReadText("/proc/sys/net/ipv4/ip_local_port_range");
  std::string container = StartNew(RunPod(config), Sleeper("c"));
  EXPECT_EQ(Exec(container, {"cat", "/proc/sys/net/ipv4/ip_local_port_range"}).stdout(), "1024\t2048\n");
  EXPECT_EQ(ReadText("/proc/sys/net/ipv4/ip_local_port_range"), host);
}

TEST_F(Pod, SharesProcessesWhenAsked) {
  std::string pod = RunPod(PodConfig("shared"));
  std::string first = StartNew(pod, ContainerConfig("first", {"sleep", "11111"}));
  std::string second = StartNew(pod, ContainerConfig("second", {"sleep", "22222"}));
  // A start is over when exec can't fail any more; the kernel shows the new arguments a moment later.
  EXPECT_TRUE(Eventually([&] { return Exec(first, {"ps"}).stdout().find("sleep 22222") != std::string::npos; }));
}

TEST_F(Pod, KeepsProcessesApartWhenAsked) {
  auto config = PodConfig("apart");
  config.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_pid(v1::CONTAINER);
  std::string pod = RunPod(config);
  auto alone = [](v1::ContainerConfig made) {
    auto* options = made.mutable_linux()->mutable_security_context()->mutable_namespace_options();
    options->set_network(v1::NODE);
    options->set_pid(v1::CONTAINER);
    return made;
  };
  std::string first = StartNew(pod, alone(ContainerConfig("first", {"sleep", "11111"})));
  std::string second = StartNew(pod, alone(ContainerConfig("second", {"sleep", "22222"})));
  const std::string arguments("sleep\0" "22222\0", 12);
  EXPECT_TRUE(Eventually([&] { return Exec(second, {"cat", "/proc/1/cmdline"}).stdout() == arguments; }));
  std::string seen = Exec(first, {"ps"}).stdout();
  EXPECT_EQ(seen.find("sleep 22222"), std::string::npos) << seen;
}

TEST_F(Pod, SharesMemoryAndLoopback) {
  std::string pod = RunPod(PodConfig("shared", Net::kBridge));
  std::string first = StartNew(pod, Sleeper("first")), second = StartNew(pod, Sleeper("second"));
  Exec(first, {"sh", "-c", "echo here > /dev/shm/x"});
  EXPECT_EQ(Exec(second, {"cat", "/dev/shm/x"}).stdout(), "here\n");
  EXPECT_NE(Exec(second, {"ip", "addr", "show", "lo"}).stdout().find("127.0.0.1/8"), std::string::npos);
}

TEST_F(Pod, IsReachedByItsAddressAndByAHostPort) {
  auto config = PodConfig("served", Net::kBridge);
  auto* port = config.add_port_mappings();
  port->set_container_port(8080);
  port->set_host_port(18080);
  std::string pod = RunPod(config);
  StartNew(pod, Shell("server", "while :; do echo hello | nc -l -p 8080; done"));
  std::string ip = PodStatus(pod).network().ip();
  EXPECT_TRUE(Eventually([&] { return Hear(ip, 8080) == "hello\n"; }));
  EXPECT_TRUE(Eventually([&] { return Hear("10.88.0.1", 18080) == "hello\n"; }));
}

TEST_F(Pod, OnTheHostNetworkHasTheHostsInterfaces) {
  std::string container = StartNew(RunPod(PodConfig("host")), Sleeper("c"));
  EXPECT_NE(Exec(container, {"ip", "link"}).stdout().find("ctest0"), std::string::npos);
}

// The kubelet takes a pod's group away once no process is in it or below, and kills what it finds there.
TEST_F(Pod, LeavesTheKubeletsGroupEmpty) {
  if (UsesSystemd()) GTEST_SKIP() << "parents are slices: SystemdDriver";
  auto config = PodConfig("kubelets");
  std::string parent = "/cradle-test-" + std::to_string(::getpid());
  auto each = [&](auto look) {
    for (const std::string& hierarchy : CgroupHierarchies()) look(hierarchy + parent);
  };
  each([](const std::string& dir) { std::filesystem::create_directory(dir); });
  config.mutable_linux()->set_cgroup_parent(parent);
  std::string pod = RunPod(config);
  std::string container = StartNew(pod, Sleeper("c"));
  EXPECT_EQ(Exec(container, {"true"}).exit_code(), 0);
  EXPECT_EQ(ReadText("/proc/" + std::to_string(ShimOf(pod)) + "/cgroup").find(parent), std::string::npos);
  each([](const std::string& dir) { EXPECT_EQ(ReadText(dir + "/cgroup.procs"), "") << dir; });
  StopPod(pod);
  each([](const std::string& dir) { EXPECT_EQ(::rmdir(dir.c_str()), 0) << dir; });
}

TEST_F(Pod, UnderACgroupParentLivesThere) {
  if (UsesSystemd()) GTEST_SKIP() << "parents are slices: SystemdDriver";
  auto config = PodConfig("parented");
  std::string parent = "/cradle-test-" + std::to_string(::getpid()) + "/burstable/podx";
  for (const std::string& hierarchy : CgroupHierarchies()) std::filesystem::create_directories(hierarchy + parent);
  config.mutable_linux()->set_cgroup_parent(parent);
  std::string pod = RunPod(config);
  std::string container = StartNew(pod, Sleeper("c"));
  EXPECT_EQ(CgroupOf(container), parent + "/" + container);
  RemovePod(pod);
  for (const std::string& hierarchy : CgroupHierarchies())
    for (std::string left = hierarchy + parent; left.size() > hierarchy.size();
         left = std::filesystem::path(left).parent_path())
      EXPECT_EQ(::rmdir(left.c_str()), 0) << left << " is the kubelet's, empty and still there";
}

}  // namespace
}  // namespace cradle::test
