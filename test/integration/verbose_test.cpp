// The "info" of verbose answers, held against the kernel: what node agents read.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "support/node_test.h"

namespace cradle::test {
namespace {

using nlohmann::json;

class VerboseTest : public NodeTest {
 protected:
  json ContainerInfo(const std::string& id) {
    v1::ContainerStatusRequest request;
    request.set_container_id(id);
    request.set_verbose(true);
    return json::parse(Must(CRI_CALL(ContainerStatus, request)).info().at("info"));
  }
  json PodInfo(const std::string& id) {
    v1::PodSandboxStatusRequest request;
    request.set_pod_sandbox_id(id);
    request.set_verbose(true);
    return json::parse(Must(CRI_CALL(PodSandboxStatus, request)).info().at("info"));
  }
  // Of the pod's; empty when it isn't told.
  static std::string PathOf(const json& spec, const std::string& type) {
    for (const json& one : spec["linux"]["namespaces"])
      if (one["type"] == type) return one.value("path", "");
    return "";
  }
  static std::string Link(const std::string& path) { return std::filesystem::read_symlink(path).string(); }
};

TEST_F(VerboseTest, TheRuntimeSpecIsWhatTheKernelShows) {
  std::string pod = RunPod(PodConfig("agent", Net::kBridge));
  v1::ContainerConfig config = Sleeper("main");
  config.mutable_image()->set_user_specified_image("busybox:as-written");
  config.mutable_linux()->mutable_resources()->set_memory_limit_in_bytes(64 << 20);
  config.mutable_linux()->mutable_security_context()->mutable_seccomp()->set_profile_type(
      v1::SecurityProfile::RuntimeDefault);
  std::string container = StartNew(pod, config);

  json info = ContainerInfo(container);
  pid_t pid = info["pid"];
  EXPECT_EQ(Link("/proc/" + std::to_string(pid) + "/exe").substr(0, 5), "/bin/");
  EXPECT_EQ(info["sandboxID"], pod);
  EXPECT_EQ(info["config"]["metadata"]["name"], "main");
  const json& spec = info["runtimeSpec"];
  EXPECT_EQ(spec["process"]["args"], json::array({"sleep", "1000000"}));
  EXPECT_EQ(spec["annotations"]["io.kubernetes.cri.image-name"], "busybox:as-written");
  EXPECT_EQ(spec["annotations"]["io.kubernetes.cri.sandbox-id"], pod);
  EXPECT_EQ(spec["linux"]["resources"]["memory"]["limit"], 64 << 20);
  EXPECT_EQ(spec["linux"]["seccomp"]["defaultAction"], "SCMP_ACT_ERRNO");
  for (const auto& [type, file] : {std::pair{"network", "net"}, {"ipc", "ipc"}, {"uts", "uts"}, {"pid", "pid"}}) {
    std::string path = PathOf(spec, type);
    ASSERT_FALSE(path.empty()) << type;
    EXPECT_EQ(Link(path), Link("/proc/" + std::to_string(pid) + "/ns/" + file));
  }
  json of_pod = PodInfo(pod);
  EXPECT_EQ(of_pod["processStatus"], "running");
  EXPECT_EQ(of_pod["config"]["metadata"]["name"], "agent");
  EXPECT_EQ(of_pod["runtimeSpec"]["annotations"]["io.kubernetes.cri.container-type"], "sandbox");
  EXPECT_EQ(of_pod["cniResult"]["Interfaces"]["eth0"]["IPConfigs"][0]["IP"], PodStatus(pod).network().ip());
}

// Agents find the container of a process by these digits.
TEST_F(VerboseTest, EveryCgroupOfAContainerEndsInItsId) {
  std::string container = StartNew(RunPod(PodConfig("leaf")), Sleeper("main"));
  json info = ContainerInfo(container);
  std::string path = info["runtimeSpec"]["linux"]["cgroupsPath"];
  EXPECT_EQ(path.substr(path.rfind('/') + 1), container);
  std::ifstream groups("/proc/" + std::to_string(info["pid"].get<pid_t>()) + "/cgroup");
  int found = 0;
  for (std::string line; std::getline(groups, line); ++found) {
    if (line.ends_with(":/")) continue;  // a hierarchy that the node doesn't mount
    EXPECT_EQ(line.substr(line.rfind('/') + 1), container) << line;
  }
  EXPECT_GT(found, 0);
}

TEST_F(VerboseTest, AnExitedContainerStillTellsWhatItWas) {
  std::string container = StartNew(RunPod(PodConfig("gone")), Shell("main", "exit 3"));
  WaitExited(container);
  json info = ContainerInfo(container);
  EXPECT_EQ(info["pid"], 0);
  EXPECT_EQ(info["runtimeSpec"]["process"]["args"][0], "sh");
}

}  // namespace
}  // namespace cradle::test
