// Helpers that hang or fail: lists and status answer, other pods go on, the error says what the helper said.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "base/sys/file.h"
#include "support/node_test.h"

namespace cradle::test {
namespace {

// Long against an answer from memory, short against anything that waits for a helper.
constexpr std::chrono::seconds kAtOnce{5};

// A machine that stands still for so long is asked again; who waits for a helper waits each time.
template <class Stub, class Method, class Request>
bool AnswersAtOnce(Stub& stub, Method method, const Request& request) {
  return Eventually([&] { return Call(stub, method, request, kAtOnce).ok(); });
}

class Sick : public NodeTest {
 protected:
  void ExpectAnswers(const std::string& pod) {
    auto& runtime = cri().runtime();
    using Stub = v1::RuntimeService::Stub;
    EXPECT_TRUE(AnswersAtOnce(runtime, &Stub::ListPodSandbox, v1::ListPodSandboxRequest()));
    EXPECT_TRUE(AnswersAtOnce(runtime, &Stub::ListContainers, v1::ListContainersRequest()));
    EXPECT_TRUE(AnswersAtOnce(runtime, &Stub::ListContainerStats, v1::ListContainerStatsRequest()));
    EXPECT_TRUE(AnswersAtOnce(runtime, &Stub::Status, v1::StatusRequest()));
    v1::PodSandboxStatusRequest status;
    status.set_pod_sandbox_id(pod);
    EXPECT_TRUE(AnswersAtOnce(runtime, &Stub::PodSandboxStatus, status));
    for (const v1::Container& container : Containers()) {
      v1::ContainerStatusRequest request;
      request.set_container_id(container.id());
      EXPECT_TRUE(AnswersAtOnce(runtime, &Stub::ContainerStatus, request));
    }
    using Images = v1::ImageService::Stub;
    EXPECT_TRUE(AnswersAtOnce(cri().images(), &Images::ListImages, v1::ListImagesRequest()));
    EXPECT_TRUE(AnswersAtOnce(cri().images(), &Images::ImageFsInfo, v1::ImageFsInfoRequest()));
  }

  // Pods' network becomes one plugin, a shell script. A new daemon has read the list when it answers.
  void UsePlugin(const std::string& script) {
    WriteText(daemon().plugin_dir() + "/scripted",
              "#!/bin/sh\nif [ \"$CNI_COMMAND\" = VERSION ]; then\n"
              "echo '{\"cniVersion\":\"1.0.0\",\"supportedVersions\":[\"0.4.0\",\"1.0.0\"]}'; exit 0; fi\n" +
                  script,
              0755);
    bridge_ = daemon().network_list();
    daemon().Kill();
    daemon().WriteNetworkList(
        R"({"cniVersion": "1.0.0", "name": "scripted", "plugins": [{"type": "scripted"}]})");
    StartDaemon();
  }
  void TearDown() override {
    if (!bridge_.empty()) {
      EXPECT_TRUE(RemoveAllPods());
      daemon().Kill();
      daemon().WriteNetworkList(bridge_);
      std::filesystem::remove(daemon().plugin_dir() + "/scripted");
    }
    if (std::filesystem::exists(kElsewhere)) {
      daemon().Kill();
      daemon().UseInstallation(CRADLE_BUILD_DIR);
      std::filesystem::remove_all(kElsewhere);
    }
    NodeTest::TearDown();
  }

  // A daemon of another installation, whose shim is a shell script.
  void UseShim(const std::string& script) {
    const std::string helpers = "/libexec/cradle/";
    std::filesystem::create_directories(kElsewhere + helpers);
    std::filesystem::create_directories(kElsewhere + "/bin");
    for (const std::string& same : {std::string("/bin/cradled"), helpers + "cradle-unpack", helpers + "cradle-pause"})
      std::filesystem::create_hard_link(CRADLE_BUILD_DIR + same, kElsewhere + same);
    WriteText(kElsewhere + helpers + "cradle-shim", "#!/bin/sh\n" + script, 0755);
    daemon().Kill();
    daemon().UseInstallation(kElsewhere);
    StartDaemon();
  }

 private:
  // Beside the build: a link needs the same file system.
  inline static const std::string kElsewhere = CRADLE_BUILD_DIR "/elsewhere";
  std::string bridge_;
};

TEST_F(Sick, AStoppedShimDelaysNobodyElse) {
  std::string pod = RunPod(PodConfig("sick"));
  std::string container = StartNew(pod, Sleeper("c"));
  pid_t shim = ShimOf(pod);
  ASSERT_EQ(::kill(shim, SIGSTOP), 0);
  Reply<v1::ExecSyncResponse> reply;
  std::thread stuck([&] { reply = TryExec(container, {"true"}); });
  ExpectAnswers(pod);
  std::string other = RunPod(PodConfig("well", Net::kBridge));
  StartNew(other, Sleeper("c"));
  RemovePod(other);
  ASSERT_EQ(::kill(shim, SIGCONT), 0);
  stuck.join();
  EXPECT_EQ(Exec(container, {"echo", "back"}).stdout(), "back\n");
}

TEST_F(Sick, AStoppedShimIsNotWaitedFor) {
  std::string pod = RunPod(PodConfig("sick"));
  pid_t shim = ShimOf(pod);
  ASSERT_EQ(::kill(shim, SIGSTOP), 0);
  ASSERT_TRUE(Eventually([&] { return ReadText("/proc/" + std::to_string(shim) + "/stat").find(") T ") != std::string::npos; }));
  const size_t before = daemon().log().size();
  RemovePod(pod);
  EXPECT_EQ(daemon().log().find("did not answer", before), std::string::npos) << daemon().log();
}

TEST_F(Sick, AHangingPluginDelaysNobodyElse) {
  std::string gate = daemon().dir() + "/gate", begun = daemon().dir() + "/begun";
  ASSERT_EQ(::mkfifo(gate.c_str(), 0600), 0);
  UniqueFd opener(::open(gate.c_str(), O_RDWR | O_CLOEXEC));  // blocks nobody who writes, whoever reads
  UsePlugin("[ \"$CNI_COMMAND\" = ADD ] || exit 0\ntouch " + begun + "; read line < " + gate +
            "\necho '{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.99.0.7/24\"}]}'\n");
  std::string pod;
  std::thread hanging([&] {
    auto reply = TryRunPod(PodConfig("hanging", Net::kBridge));
    pod = reply.ok() ? reply.value.pod_sandbox_id() : "failed: " + reply.text();
  });
  bool hangs = Eventually([&] { return std::filesystem::exists(begun); });
  std::string other = RunPod(PodConfig("well"));
  StartNew(other, Sleeper("c"));
  ExpectAnswers(other);
  EXPECT_TRUE(sys::WriteAll(opener, "go\n", 3).ok());
  hanging.join();
  EXPECT_TRUE(hangs) << pod;
  std::filesystem::remove(gate);
  std::filesystem::remove(begun);
  ASSERT_EQ(pod.size(), 64u) << pod;
  EXPECT_EQ(PodStatus(pod).network().ip(), "10.99.0.7");
}

TEST_F(Sick, AFailingPluginIsQuotedAndNothingStays) {
  UsePlugin("[ \"$CNI_COMMAND\" = ADD ] || exit 0\necho 'the cable is cut' >&2\n"
            "echo '{\"cniVersion\":\"1.0.0\",\"code\":100,\"msg\":\"no link\",\"details\":\"port 7\"}'\nexit 1\n");
  auto reply = TryRunPod(PodConfig("failing", Net::kBridge));
  EXPECT_FALSE(reply.ok());
  for (const char* part : {"scripted", "no link", "the cable is cut"})
    EXPECT_NE(reply.text().find(part), std::string::npos) << part << " is not in: " << reply.text();
  EXPECT_TRUE(Pods().empty());
}

TEST_F(Sick, AShimThatEndsAtOnceIsQuotedAndNothingStays) {
  UseShim("echo 'no room for me' >&2; exit 1\n");
  auto reply = TryRunPod(PodConfig("failing"));
  EXPECT_FALSE(reply.ok());
  EXPECT_NE(reply.text().find("the shim said: no room for me"), std::string::npos) << reply.text();
  EXPECT_TRUE(Pods().empty());
}

TEST_F(Sick, APodIsRemovedWhileItsShimDies) {
  std::string pod = RunPod(PodConfig("orphaned", Net::kBridge));
  std::string container = StartNew(pod, Sleeper("c"));
  ASSERT_EQ(::kill(ShimOf(pod), SIGKILL), 0);
  StopPod(pod);
  EXPECT_EQ(StatusOf(container).exit_code(), 137);
  RemovePod(pod);
}

}  // namespace
}  // namespace cradle::test
