// Every crash point there is, one after the other: cradled dies there, a new one starts, and everything converges: the
// same requests succeed, and stopping and removing leaves nothing. Then every failure point: the request fails with
// the point's name, the request made again succeeds.
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <regex>

#include "support/node_test.h"

namespace cradle::test {
namespace {

// The names, from the sources: a step that is added is tested.
std::vector<std::string> CrashPoints() {
  static const std::regex kSteps("Steps steps\\(\"([a-z_]+)\""), kDo("\\bDo\\(\\s*\"([a-z_]+)\""),
      kPoint("CrashPoint\\(\"([a-z_.]+)\"\\)");
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(CRADLE_SOURCE_DIR "/src/sandbox")) {
    if (entry.path().extension() != ".cpp") continue;
    std::string text = ReadText(entry.path());
    auto each = [&](const std::regex& expression, const std::string& prefix) {
      for (auto it = std::sregex_iterator(text.begin(), text.end(), expression); it != std::sregex_iterator(); ++it)
        names.push_back(prefix + (*it)[1].str());
    };
    std::smatch chain;
    if (std::regex_search(text, chain, kSteps)) each(kDo, chain[1].str() + ".");
    each(kPoint, "");
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Crash : public NodeTest, public ::testing::WithParamInterface<std::string> {
 protected:
  // A whole life. Answers are ignored: the daemon dies somewhere in it, or fails a request.
  void Live(const v1::PodSandboxConfig& config) {
    auto ran = TryRunPod(config);
    if (!ran.ok()) return Note(ran.status);
    std::string pod = ran.value.pod_sandbox_id();
    std::vector<std::string> containers;
    for (const char* name : {"removed", "left"}) {
      auto created = TryCreate(pod, Sleeper(name));
      if (!created.ok()) return Note(created.status);
      v1::StartContainerRequest start;
      start.set_container_id(created.value.container_id());
      auto started = Try(&Stub::StartContainer, start);
      if (!started.ok()) return Note(started);
      containers.push_back(created.value.container_id());
    }
    if (auto succeeded = KillShimOf(pod, containers[1]); !succeeded.ok()) return Note(succeeded);
    v1::UpdateContainerResourcesRequest update;
    update.set_container_id(containers[1]);
    update.mutable_linux()->set_cpu_shares(512);
    v1::UpdateContainerResourcesResponse updated;
    if (auto status = Ask(&Stub::UpdateContainerResources, update, updated); !status.ok())
      return Note(ReasonOf(containers[1], status));
    v1::RemoveContainerRequest remove;
    remove.set_container_id(containers[0]);
    if (auto removed = Try(&Stub::RemoveContainer, remove); !removed.ok()) return Note(removed);
    v1::StopPodSandboxRequest stop;
    stop.set_pod_sandbox_id(pod);
    if (auto stopped = Try(&Stub::StopPodSandbox, stop); !stopped.ok()) return Note(stopped);
    v1::RemovePodSandboxRequest remove_pod;
    remove_pod.set_pod_sandbox_id(pod);
    if (auto removed = Try(&Stub::RemovePodSandbox, remove_pod); !removed.ok()) return Note(removed);
  }

  grpc::Status failure_;

 private:
  using Stub = v1::RuntimeService::Stub;
  // Waits for a successor, or for the end: of the daemon, or of the pod. A successor that can't go on may have answered.
  grpc::Status KillShimOf(const std::string& pod, const std::string& container) {
    EXPECT_EQ(::kill(ShimOf(pod), SIGKILL), 0);
    v1::ExecSyncRequest exec;
    exec.set_container_id(container);
    exec.add_cmd("true");
    grpc::Status ended;
    EXPECT_TRUE(Eventually([&] {
      v1::ExecSyncResponse executed;
      if (Ask(&Stub::ExecSync, exec, executed).ok()) return true;
      ended = ReasonOf(container, {});
      return !ended.ok();
    }));
    return ended;
  }
  // Why a container has ended, or why that can't be asked; of one that hasn't, `otherwise`.
  grpc::Status ReasonOf(const std::string& container, const grpc::Status& otherwise) {
    v1::ContainerStatusRequest status;
    status.set_container_id(container);
    v1::ContainerStatusResponse told;
    grpc::Status asked = Ask(&Stub::ContainerStatus, status, told);
    if (!asked.ok()) return asked;
    if (told.status().state() != v1::CONTAINER_EXITED) return otherwise;
    return {grpc::INTERNAL, told.status().message()};
  }
  // A daemon that is dead isn't waited for.
  template <class Method, class Request, class Response>
  grpc::Status Ask(Method method, const Request& request, Response& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    return (cri().runtime().*method)(&context, request, &response);
  }
  template <class Method, class Request>
  grpc::Status Try(Method method, const Request& request) {
    return Call(cri().runtime(), method, request).status;
  }
  void Note(const grpc::Status& status) { failure_ = status; }
};

TEST_P(Crash, ConvergesAfterADeathThere) {
  auto config = PodConfig("pod", Net::kBridge);
  NodeTest::Restart({"CRADLE_CRASH_AT=" + GetParam()});
  Live(config);
  ASSERT_TRUE(daemon().WaitForEnd()) << "nothing passes there";
  NodeTest::Restart();
  // What the kubelet does: it looks, removes what isn't ready, and tries again under the next attempt.
  for (const v1::PodSandbox& pod : Pods()) {
    auto status = PodStatus(pod.id());
    for (const v1::Container& container : Containers()) {
      if (status.state() != v1::SANDBOX_READY || container.state() != v1::CONTAINER_RUNNING) continue;
      EXPECT_EQ(Exec(container.id(), {"echo", "alive"}).stdout(), "alive\n");
    }
    RemovePod(pod.id());
  }
  std::string pod = RunPod(config);
  StartNew(pod, Sleeper("c"));
}

TEST_P(Crash, UndoesWhatFailsThere) {
  auto config = PodConfig("pod", Net::kBridge);
  NodeTest::Restart({"CRADLE_FAIL_AT=" + GetParam()});
  Live(config);
  EXPECT_NE(failure_.error_message().find(GetParam()), std::string::npos) << failure_.error_message();
  NodeTest::Restart();
  EXPECT_TRUE(RemoveAllPods());
  StartNew(RunPod(config), Sleeper("c"));
}

INSTANTIATE_TEST_SUITE_P(Points, Crash, ::testing::ValuesIn(CrashPoints()), [](const auto& point) {
  std::string name = point.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

}  // namespace
}  // namespace cradle::test
