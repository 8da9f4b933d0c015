// A runtime, an image store and a network that are only memory: what the cri layer stands on,
// without a kernel.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "cni/network.h"
#include "image/store.h"
#include "sandbox/runtime.h"
#include "streaming/server.h"

namespace cradle::cri {

class FakeRuntime : public sandbox::Runtime {
 public:
  void AddPod(const std::string& id, const sandbox::StringMap& labels, bool ready);
  void AddContainer(const std::string& id, const std::string& pod, const sandbox::StringMap& labels,
                    sandbox::State state);
  // "StopPod <id>", ... in order.
  std::vector<std::string> Calls() const;

  bool Drain(Deadline) override { return true; }
  void RunPod(sandbox::PodSpec spec, sandbox::Done<PodId> done) override;
  void StopPod(const std::string& id, sandbox::Done<> done) override {
    Ended("StopPod ", id, done);
  }
  void RemovePod(const std::string& id, sandbox::Done<> done) override {
    Ended("RemovePod ", id, done);
  }
  void CreateContainer(const std::string& pod, container::ContainerSpec spec,
                       sandbox::Done<ContainerId> done) override;
  void StartContainer(const std::string& id, sandbox::Done<> done) override {
    Ended("StartContainer ", id, done);
  }
  void StopContainer(const std::string& id, milliseconds grace, sandbox::Done<> done) override;
  void RemoveContainer(const std::string& id, sandbox::Done<> done) override {
    Ended("RemoveContainer ", id, done);
  }
  void UpdateContainer(const std::string& id, cgroups::Limits change, sandbox::Done<> done) override;
  void UpdatePod(const std::string& id, sandbox::PodResources change, sandbox::Done<> done) override;
  void ReopenLog(const std::string& id, sandbox::Done<> done) override {
    Ended("ReopenLog ", id, done);
  }
  void ExecSync(const std::string& id, std::vector<std::string> command, milliseconds timeout, std::stop_token stop,
                sandbox::Done<shim::ExecResult> done) override;
  Result<> Stream(const std::string& id, std::vector<std::string> command, streaming::SessionPlan plan,
                  FdRef socket) override;
  std::vector<sandbox::PodPtr> ListPods() const override { return pods_; }
  std::vector<sandbox::ContainerPtr> ListContainers() const override { return containers_; }
  Result<sandbox::PodPtr> FindPod(std::string_view id) const override;
  Result<sandbox::ContainerPtr> FindContainer(std::string_view id) const override;
  Result<cgroups::Stats> ReadStats(const sandbox::ContainerView& container) const override;
  LayerUsage WritableLayer(const sandbox::ContainerView& container) const override;
  Result<cgroups::Stats> ReadPodStats(const sandbox::PodView& pod) const override;
  Result<cgroups::Counters> ReadCounters(const sandbox::ContainerView&) const override { return cgroups::Counters{}; }
  Result<size_t> CountProcesses(const std::string&) const override { return 3; }
  std::vector<sandbox::Interface> ReadNetwork(const sandbox::PodView&) const override {
    return {{"net1", {}, {}}, {"eth0", {10, 1, 2, 0}, {20, 1, 3, 0}}};
  }
  Result<sandbox::Filesystem> LayerFilesystem() const override { return sandbox::Filesystem{"/dev/vda", 9, 8, 7}; }
  sandbox::OpenFiles CountOpen(const sandbox::ContainerView&) const override { return {5, 1, 1024}; }
  Result<std::string> RuntimeSpec(const sandbox::ContainerView&) const override { return R"({"of":"c"})"; }
  std::string PodRuntimeSpec(const sandbox::PodView&) const override { return R"({"of":"p"})"; }
  std::unique_ptr<sandbox::Events::Watch> WatchEvents(sandbox::Events::Listener listener) override {
    return events_.Listen(std::move(listener));
  }
  bool Awaits(pid_t) const override { return false; }
  Result<> UserNamespaces() const override { return user_namespaces; }
  ThreadPool& pool() override { return pool_; }
  // Tells that container `index` did this; `at` is told back.
  void TellEvent(sandbox::EventKind kind, size_t index, int64_t at);

  Result<> user_namespaces;

  // What an exec answers; with hold_exec it never does.
  std::function<Result<shim::ExecResult>()> exec;
  bool hold_exec = false;
  bool ExecHeld() const;

 private:
  void Ended(const char* call, const std::string& id, const sandbox::Done<>& done);

  std::vector<sandbox::PodPtr> pods_;
  std::vector<sandbox::ContainerPtr> containers_;
  sandbox::Events events_;
  mutable std::mutex mutex_;
  std::vector<std::string> calls_;
  std::vector<sandbox::Done<shim::ExecResult>> held_;
  ThreadPool pool_{"fake", 2};
};

class FakeImages : public image::ImageStore {
 public:
  using Ptr = std::shared_ptr<const image::Image>;

  const std::vector<std::string>& warnings() const override { return warnings_; }
  void DropUnused() override {}
  std::vector<Ptr> List() const override { return {image}; }
  Result<Ptr> Find(const std::string& reference) const override;
  Result<Ptr> Pull(const std::string& reference, const image::Auth& auth, std::stop_token stop,
                   std::function<void(const image::Progress&)> progress) override;
  Result<std::vector<Ptr>> Import(const std::string&, const std::string&) override {
    return std::vector{image};
  }
  Result<std::vector<std::string>> Export(const std::vector<std::string>& references,
                                          const std::string&) override {
    return references;
  }
  Result<Ptr> Tag(const std::string& reference, const std::string&) override { return Find(reference); }
  Result<image::Pruned> Prune() override { return image::Pruned{}; }
  image::Checkup Check(image::Repair) override { return {}; }
  Result<> Flush() override { return {}; }
  Result<> Remove(const std::string&) override { return {}; }
  Result<Ptr> Acquire(const std::string& reference, const std::string&) override {
    return Find(reference);
  }
  Result<> Reacquire(const std::vector<std::string>&, const std::string&) override { return {}; }
  void Release(const std::string&) override {}
  image::FsUsage Usage() const override { return {"/images", 4096, 7}; }

  Ptr image;                                         // the only one, by its tag or id
  std::function<Result<Ptr>(std::stop_token)> pull;  // unset: the image

 private:
  std::vector<std::string> warnings_;
};

class FakeNetwork : public cni::Network {
 public:
  Result<> Ready() const override { return ready; }
  Result<cni::Attachment> Add(const cni::AddRequest&, Deadline) override {
    return cni::Attachment{};
  }
  Result<> Del(const std::string&, const std::string&, Deadline) override { return {}; }
  Result<cni::Attachment> Find(const std::string& id) const override { return NotFound(id); }
  std::vector<std::string> RecordedPods() const override { return {}; }
  Result<> CollectGarbage(Deadline) override { return {}; }

  Result<> ready;
};

class FakeStreaming : public streaming::Server {
 public:
  Result<std::string> Issue(streaming::Grant grant) override {
    if (full) return Error(Code::kResourceExhausted, "full");
    grants.push_back(std::move(grant));
    return "http://fake/" + std::to_string(grants.size() - 1);
  }

  std::vector<streaming::Grant> grants;
  bool full = false;
};

}  // namespace cradle::cri
