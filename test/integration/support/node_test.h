// NodeTest: a test with a running cradled, one for all tests of a suite, and the always-on listener: what the kernel
// and the disk show before a test and after it (its pods removed) must be equal.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "support/cri.h"
#include "support/daemon.h"
#include "support/machine.h"
#include "support/snapshot.h"

namespace cradle::test {

inline constexpr char kImage[] = "cradle.local/busybox:latest";
enum class Net { kHost, kBridge };

class NodeTest : public ::testing::Test {
 public:
  // A pod or container as small as it gets; tests change what they are about.
  static v1::PodSandboxConfig PodConfig(const std::string& name, Net net = Net::kHost);
  static v1::ContainerConfig ContainerConfig(const std::string& name, const std::vector<std::string>& command);
  // A container that runs `script` in sh, or one that does nothing until it is killed.
  static v1::ContainerConfig Shell(const std::string& name, const std::string& script);
  static v1::ContainerConfig Sleeper(const std::string& name);

 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  void SetUp() override;
  void TearDown() override;

  static Daemon& daemon() { return *daemon_; }
  static Cri& cri() { return *cri_; }

  // Each of these throws (which fails the test) when the answer is an error.
  std::string RunPod(const v1::PodSandboxConfig& config);
  std::string CreateContainer(const std::string& pod, const v1::ContainerConfig& config);
  std::string StartNew(const std::string& pod, const v1::ContainerConfig& config);  // create and start
  void Start(const std::string& container);
  void StopPod(const std::string& pod);
  void RemovePod(const std::string& pod);
  void StopContainer(const std::string& container, int64_t grace_seconds);
  void RemoveContainer(const std::string& container);
  v1::PodSandboxStatus PodStatus(const std::string& pod);
  v1::ContainerStatus StatusOf(const std::string& container);
  v1::ContainerStatus WaitExited(const std::string& container);
  v1::ExecSyncResponse Exec(const std::string& container, const std::vector<std::string>& command);

  // The same calls where the test looks at the error.
  Reply<v1::RunPodSandboxResponse> TryRunPod(const v1::PodSandboxConfig& config, const std::string& handler = "");
  Reply<v1::CreateContainerResponse> TryCreate(const std::string& pod, const v1::ContainerConfig& config);
  Reply<v1::ExecSyncResponse> TryExec(const std::string& container, const std::vector<std::string>& command,
                                      int64_t timeout_seconds = 0);
  std::vector<v1::PodSandbox> Pods();
  std::vector<v1::Container> Containers();

  // From the verbose status.
  pid_t PidOf(const std::string& container);
  pid_t ShimOf(const std::string& pod);
  std::string CgroupOf(const std::string& container);
  // The first line of a file of the container's group: `file_v1` in whichever hierarchy has it, `file_v2` on a node with that alone.
  std::string Control(const std::string& container, const std::string& file_v1, const std::string& file_v2);
  // The log's complete lines, as they lie on disk.
  std::vector<std::string> LogLines(const std::string& container);
  bool WaitForLog(const std::string& container, const std::string& text);

  static void StartDaemon(const std::vector<std::string>& env = {});
  // A daemon's first pod comes and goes.
  static void WarmUp();
  void KillDaemon() { daemon().Kill(); }
  // Starts a daemon again on the same root and state; one that runs is killed.
  void Restart(const std::vector<std::string>& env = {});
  // Stops and removes every pod there is; true when none is left.
  bool RemoveAllPods();

  // Ids of everything made so far: what the listener looks for among cgroups.
  void Remember();

 private:
  std::vector<std::string> Leaks();

  static std::unique_ptr<Daemon> daemon_;
  static std::unique_ptr<Cri> cri_;
  static std::set<std::string> ids_;
  Snapshot before_;
};

// Calls the stub's method of this name with a request that `fill` fills: the short form for rare calls.
#define CRI_CALL(method, request) ::cradle::test::Call(cri().runtime(), &v1::RuntimeService::Stub::method, request)
#define IMAGE_CALL(method, request) ::cradle::test::Call(cri().images(), &v1::ImageService::Stub::method, request)

}  // namespace cradle::test
