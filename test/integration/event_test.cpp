// GetContainerEvents of a real node, as the kubelet's evented PLEG uses it.
#include <signal.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "support/node_test.h"

namespace cradle::test {
namespace {

// A client that keeps up: everything it was told since it was made.
class Watcher {
 public:
  explicit Watcher(Cri& cri) {
    reader_ = cri.runtime().GetContainerEvents(&context_, {});
    reader_->WaitForInitialMetadata();
    thread_ = std::thread([this] { ReadAll(); });
  }
  ~Watcher() {
    context_.TryCancel();
    thread_.join();
  }

  // "CREATED web", ... of the things that have a name here, in order.
  std::vector<std::string> Told(const std::map<std::string, std::string>& names) {
    std::lock_guard lock(mutex_);
    std::vector<std::string> told;
    for (const auto& event : events_) {
      auto named = names.find(event.container_id());
      if (named == names.end()) continue;
      std::string kind = v1::ContainerEventType_Name(event.container_event_type());
      told.push_back(kind.substr(10, kind.size() - 16) + " " + named->second);
    }
    return told;
  }
  // The first of this kind for this id; throws when it doesn't come.
  v1::ContainerEventResponse WaitFor(const std::string& id, v1::ContainerEventType kind) {
    std::unique_lock lock(mutex_);
    auto wanted = [&](const auto& event) { return event.container_id() == id && event.container_event_type() == kind; };
    bool there = changed_.wait_for(lock, kPatience, [&] { return std::ranges::any_of(events_, wanted); });
    if (!there) throw std::runtime_error("no " + v1::ContainerEventType_Name(kind) + " for " + id);
    return *std::ranges::find_if(events_, wanted);
  }
  std::vector<v1::ContainerEventResponse> events() {
    std::lock_guard lock(mutex_);
    return events_;
  }

 private:
  void ReadAll() {
    for (v1::ContainerEventResponse event; reader_->Read(&event);) {
      std::lock_guard lock(mutex_);
      events_.push_back(event);
      changed_.notify_all();
    }
    (void)reader_->Finish();
  }

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::ContainerEventResponse>> reader_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<v1::ContainerEventResponse> events_;
  std::thread thread_;
};

using EventTest = NodeTest;

TEST_F(EventTest, AWholeLifeIsToldInOrderToEverybody) {
  Watcher first(cri()), second(cri());
  std::string pod = RunPod(PodConfig("life"));
  std::string container = StartNew(pod, Shell("main", "exit 3"));
  WaitExited(container);
  RemoveContainer(container);
  StopPod(pod);
  RemovePod(pod);
  const std::vector<std::string> life = {"CREATED pod",  "STARTED pod",  "CREATED main", "STARTED main",
                                         "STOPPED main", "DELETED main", "STOPPED pod",  "DELETED pod"};
  for (Watcher* watcher : {&first, &second}) {
    watcher->WaitFor(pod, v1::CONTAINER_DELETED_EVENT);
    EXPECT_EQ(watcher->Told({{pod, "pod"}, {container, "main"}}), life);
  }
  int64_t last = 0;
  for (const auto& event : first.events()) {
    EXPECT_GE(event.created_at(), last);
    last = event.created_at();
    // Also when it has been removed: the kubelet finds the pod by its uid.
    EXPECT_TRUE(event.pod_sandbox_status().metadata().uid().starts_with("uid-"));
  }
}

TEST_F(EventTest, EachShowsTheStateThatItTellsOf) {
  Watcher watcher(cri());
  std::string pod = RunPod(PodConfig("states"));
  std::string container = StartNew(pod, Shell("main", "exit 3"));
  WaitExited(container);
  StopPod(pod);
  auto created = watcher.WaitFor(container, v1::CONTAINER_CREATED_EVENT);
  ASSERT_EQ(created.containers_statuses_size(), 1);
  EXPECT_EQ(created.containers_statuses(0).state(), v1::CONTAINER_CREATED);
  EXPECT_EQ(created.pod_sandbox_status().state(), v1::SANDBOX_READY);
  auto started = watcher.WaitFor(container, v1::CONTAINER_STARTED_EVENT);
  EXPECT_EQ(started.containers_statuses(0).state(), v1::CONTAINER_RUNNING);
  EXPECT_GT(started.containers_statuses(0).started_at(), 0);
  auto stopped = watcher.WaitFor(container, v1::CONTAINER_STOPPED_EVENT);
  EXPECT_EQ(stopped.containers_statuses(0).state(), v1::CONTAINER_EXITED);
  EXPECT_EQ(stopped.containers_statuses(0).exit_code(), 3);
  EXPECT_EQ(stopped.containers_statuses(0).reason(), "Error");
  auto ended = watcher.WaitFor(pod, v1::CONTAINER_STOPPED_EVENT);
  EXPECT_EQ(ended.pod_sandbox_status().state(), v1::SANDBOX_NOTREADY);
  ASSERT_EQ(ended.containers_statuses_size(), 1);
}

TEST_F(EventTest, StoppingAPodTellsOfEachContainer) {
  std::string pod = RunPod(PodConfig("many"));
  std::map<std::string, std::string> names = {{pod, "pod"}};
  for (int i = 0; i < 3; ++i) names[StartNew(pod, Sleeper("c" + std::to_string(i)))] = "container";
  Watcher watcher(cri());
  StopPod(pod);
  RemovePod(pod);
  watcher.WaitFor(pod, v1::CONTAINER_DELETED_EVENT);
  auto told = watcher.Told(names);
  EXPECT_EQ(std::ranges::count(told, "STOPPED container"), 3);
  EXPECT_EQ(std::ranges::count(told, "DELETED container"), 3);
  EXPECT_EQ(std::ranges::count(told, "STOPPED pod"), 1);
  EXPECT_EQ(told.back(), "DELETED pod");
}

TEST_F(EventTest, WhoDiedWhileNoDaemonWasThereIsToldOfAfterItsRestart) {
  std::string pod = RunPod(PodConfig("orphan"));
  std::string container = StartNew(pod, Sleeper("main"));
  pid_t pid = PidOf(container);
  KillDaemon();
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  ASSERT_TRUE(Eventually(
      [&] { return std::filesystem::exists(daemon().state() + "/pods/" + pod + "/exit." + container); }));
  Restart();
  Watcher watcher(cri());
  auto stopped = watcher.WaitFor(container, v1::CONTAINER_STOPPED_EVENT);
  ASSERT_EQ(stopped.containers_statuses_size(), 1);
  EXPECT_EQ(stopped.containers_statuses(0).exit_code(), 137);
  EXPECT_EQ(stopped.pod_sandbox_status().id(), pod);
}

}  // namespace
}  // namespace cradle::test
