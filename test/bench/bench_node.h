// BenchNode: a cradled of the bench's own, with the built-in image, and the kubelet's calls in one line each. Throws
// what an answer says when it is an error.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/cri.h"
#include "support/daemon.h"

namespace cradle::bench {

class BenchNode {
 public:
  BenchNode();

  std::string RunPod(const std::string& name, bool host_network);
  // As the kubelet asks for it: with a limit of memory and the paths that are masked by default.
  std::string Create(const std::string& pod, const std::vector<std::string>& command,
                     const std::vector<std::pair<std::string, std::string>>& mounts = {});
  void Start(const std::string& container);
  std::string Exec(const std::string& container, const std::vector<std::string>& command);
  std::string ExecUrl(const std::string& container, const std::vector<std::string>& command, bool input);
  std::string ForwardUrl(const std::string& pod);
  void Stop(const std::string& container);
  void Remove(const std::string& container);
  void StopPod(const std::string& pod);
  void RemovePod(const std::string& pod);
  void ListPods();
  void ListContainers();
  void ListStats();
  void ListPodStats();
  void ListMetrics();

  // Seconds from its start to its end, as it is recorded.
  double WaitExited(const std::string& container);
  // What RunPodSandbox's step "network" took, microseconds.
  double NetworkStep(const std::string& pod);
  pid_t Daemon() const { return daemon_.pid(); }
  pid_t ShimOf(const std::string& pod);
  pid_t PauseOf(const std::string& pod);
  pid_t PidOf(const std::string& container);

  std::string Describe();
  // The built-in image's topmost layer, unpacked.
  std::string LayerDir() const;
  const std::string& Dir() const { return daemon_.dir(); }  // a temporary one
  int64_t PssKilobytes(pid_t pid) const;
  int64_t RssKilobytes() const;  // of cradled
  double CpuSeconds(pid_t pid) const;

 private:
  test::Daemon daemon_;
  test::Cri cri_;
  int count_ = 0;
  uint32_t attempts_ = 0;
};

}  // namespace cradle::bench
