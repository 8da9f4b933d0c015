// Node: the Runtime, and what its operations share. Each operation is a file of its own (run_pod.cpp, stop_pod.cpp,
// ...); those marked "queue" block and run on the pod's queue.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "container/apparmor.h"
#include "sandbox/admission.h"
#include "sandbox/paths.h"
#include "sandbox/refreshed.h"
#include "sandbox/runtime.h"
#include "sandbox/shim_program.h"
#include "sandbox/store.h"
#include "sandbox/usage.h"

namespace cradle::sandbox {

// How long teardown and helpers may take; the request's own deadline plays no part.
inline constexpr milliseconds kShimCall{10'000};     // an answer from a shim
inline constexpr milliseconds kLaunch{60'000};       // a container's set-up: slow disks, slow volumes
inline constexpr milliseconds kKill{10'000};         // SIGKILL until it is gone
inline constexpr milliseconds kViewsGrace{2'000};    // then what waits for an answer of its /proc views is freed;
                                                     // as long again, then an end is looked for that a shim doesn't tell
inline constexpr milliseconds kNetwork{120'000};     // all plugins of one ADD or DEL
inline constexpr milliseconds kRelabel{120'000};     // the kubelet waits no longer

inline constexpr char kExecGroup[] = "exec-";       // below a container's: one for each command run in it

// take_over.cpp: a pod whose shim is to be succeeded; runs `work` in the pod's queue, behind that.
bool LacksShim(const Pod& pod);
void PostServed(Pod& pod, std::function<void()> work);

// CLONE_NEW* that the pod has of its own.
uint64_t NewNamespaces(const PodSpec& spec);

class Steps;

class Node final : public Runtime {
 public:
  Node(Config config, image::ImageStore& images, cni::Network& network, cgroups::Cgroups& groups);
  ~Node() override;
  // Threads, directories, recovery.
  Result<> Begin();

  bool Awaits(pid_t pid) const override;
  bool Drain(Deadline deadline) override { return pool_.WaitIdle(deadline) && trash_.WaitIdle(deadline); }
  void RunPod(PodSpec spec, Done<PodId> done) override;
  void StopPod(const std::string& id, Done<> done) override;
  void RemovePod(const std::string& id, Done<> done) override;
  void CreateContainer(const std::string& pod, container::ContainerSpec spec, Done<ContainerId> done) override;
  void StartContainer(const std::string& id, Done<> done) override;
  void StopContainer(const std::string& id, milliseconds grace, Done<> done) override;
  void RemoveContainer(const std::string& id, Done<> done) override;
  void UpdateContainer(const std::string& id, cgroups::Limits change, Done<> done) override;
  void UpdatePod(const std::string& id, PodResources change, Done<> done) override;
  void ReopenLog(const std::string& id, Done<> done) override;
  void ExecSync(const std::string& id, std::vector<std::string> command, milliseconds timeout, std::stop_token stop,
                Done<shim::ExecResult> done) override;
  Result<> Stream(const std::string& id, std::vector<std::string> command, streaming::SessionPlan plan,
                  FdRef socket) override;
  std::vector<PodPtr> ListPods() const override;
  std::vector<ContainerPtr> ListContainers() const override;
  Result<PodPtr> FindPod(std::string_view id) const override;
  Result<ContainerPtr> FindContainer(std::string_view id) const override;
  Result<cgroups::Stats> ReadStats(const ContainerView& container) const override;
  LayerUsage WritableLayer(const ContainerView& container) const override;
  Result<cgroups::Stats> ReadPodStats(const PodView& pod) const override;
  Result<cgroups::Counters> ReadCounters(const ContainerView& container) const override;
  Result<size_t> CountProcesses(const std::string& cgroup) const override;
  std::vector<Interface> ReadNetwork(const PodView& pod) const override;
  Result<Filesystem> LayerFilesystem() const override;
  OpenFiles CountOpen(const ContainerView& container) const override;
  Result<std::string> RuntimeSpec(const ContainerView& container) const override;
  std::string PodRuntimeSpec(const PodView& pod) const override;
  std::unique_ptr<Events::Watch> WatchEvents(Events::Listener listener) override {
    return events_.Listen(std::move(listener));
  }
  Result<> UserNamespaces() const override { return user_namespaces_; }
  ThreadPool& pool() override { return pool_; }

 private:
  // changes.cpp: what clients hear of. `change` answers whether there was one.
  bool Tell(EventKind kind, const std::string& id, const Pod& pod, const std::function<bool()>& change);
  void ShowPod(Pod& pod);                                // it is READY
  void RetirePod(Pod& pod);                              // NOTREADY, for good
  void ForgetPod(const Pod& pod);
  void ShowContainer(Container& made);
  void SetRunning(Container& one, int64_t started_at);   // when it is CREATED
  void SetExited(Container& one, const container::ExitRecord& exit);
  void ForgetContainer(const Container& gone);

  // run_pod.cpp (queue)
  Result<> MakePod(Pod& pod);
  std::string FreeSelinuxLevel() const;
  container::SelinuxLabels LabelsOf(const Pod& pod) const;
  Result<> WritePodRecord(const Pod& pod);
  Result<> MakePodGroups(const Pod& pod);
  Result<> StartShim(Pod& pod);
  Result<std::shared_ptr<shim::ShimClient>> LaunchShim(Pod& pod);
  std::string PauseGroup(const Pod& pod) const { return Cat(pod.record().cgroup_parent, "/", pod.id().str()); }
  std::string ShimGroup(const Pod& pod) const { return Cat(groups_.ShimsGroup(), "/", pod.id().str()); }
  Result<> StartPause(Pod& pod);
  Result<> AttachNetwork(Pod& pod);
  Result<> WritePodFiles(const Pod& pod);
  // The pod has it from SetShim on.
  Result<std::shared_ptr<shim::ShimClient>> ConnectShim(Pod& pod, Deadline deadline);

  // stop_pod.cpp (queue): every part is idempotent and driven by what is there
  Result<> TearDownPod(Pod& pod);
  Result<> KillContainers(Pod& pod);
  Result<> DetachNetwork(const Pod& pod);
  Result<> EndShim(Pod& pod);
  Result<> RemovePodGroups(const Pod& pod);
  // remove_pod.cpp (queue)
  Result<> ErasePodFiles(const PodId& id);
  Result<> DropPod(Pod& pod);

  // create_container.cpp (queue)
  Result<> MakeContainer(Container& made);
  Result<> SetUpContainer(Container& made, Steps& steps);
  // Once more, of one that never ran and whose init is gone.
  Result<> RemakeContainer(Container& one);
  Result<container::ContainerRecord> MakeRecord(const Pod& pod, container::ContainerSpec spec);
  Result<> HoldImages(container::ContainerRecord& record);
  container::PodContext ContextOf(const Pod& pod) const;
  Result<container::NodeFacts> FactsFor(const container::ContainerSpec& spec) const;
  Result<> RelabelVolumes(const container::ContainerSpec& spec, const std::string& label);
  // exec.cpp
  void ExecNow(const Container& one, std::vector<std::string> command, milliseconds timeout, std::stop_token stop,
               const Done<shim::ExecResult>& done);
  // stream.cpp: with a cgroup of its own, made here
  Result<container::ExecPlan> PlanExec(const Container& one, std::vector<std::string> command, bool terminal);
  // hooks.cpp (queue): those of CDI devices. `status` as the OCI runtime specification names it
  Result<> RunHooks(const Container& one, std::initializer_list<const char*> stages, const char* status);
  Result<> RunStartHooks(const Container& one);
  std::string BundleOf(const ContainerId& id) const { return paths_.container(id) + "/bundle"; }
  // start_container.cpp (queue)
  Result<> StartOne(Container& one);
  // update.cpp (queue, but for the loads)
  Result<> UpdateOne(Container& one, const cgroups::Limits& change);
  Result<> UpdateOne(Pod& pod, const PodResources& change);
  void LoadUpdates(Container& one) const;
  void LoadUpdates(Pod& pod) const;
  // remove_container.cpp (queue)
  Result<> KillContainer(Container& one, Deadline deadline);
  // Of one that was killed; false: it lives on.
  bool AwaitEnd(Container& one, Deadline deadline);
  Result<> DropContainer(Container& one);
  Result<> EraseContainerFiles(const ContainerId& id);

  // exits.cpp
  void OnExit(const shim::ExitInfo& info);              // shim loop's thread
  void OnPauseEnded(const PodId& id);                   // shim loop's thread
  void OnShimLost(const PodId& id);                     // shim loop's thread; of a shim told to go, nothing
  Result<> SaveExit(const Container& one);              // queue
  void EndViews(const Container& one);                  // queue or pool
  bool TakeExit(Container& one);                        // queue or pool
  std::optional<container::ExitRecord> LoadSavedExit(const Container& one) const;
  std::optional<container::ExitRecord> LoadExit(const Container& one) const;  // also one that only the shim wrote

  // recover.cpp
  Result<> Recover();
  void RecoverPodFile(const std::string& name);
  void RecoverContainerFile(const std::string& name);
  void SetAside(const std::string& dir, const std::string& name, const char* file, const Error& why);
  void BeginAdoption();
  void AdoptAgain(const PodRef& pod);                   // any thread
  void Adopt(const PodRef& pod);                        // queue; posts itself again while the shim doesn't answer
  enum class Shim { kSame, kSuccessor };
  Result<> AdoptContainers(Pod& pod, Shim shim);
  void AdoptContainer(Container& one, const shim::Listed& item, shim::ShimClient& client);

  // take_over.cpp (queue): the pod's shim is dead
  Result<> SucceedShim(Pod& pod);
  Result<> TakeOver(Pod& pod);
  Result<shim::PauseStarted> FindPause(const Pod& pod) const;
  Result<> EndDeadShim(Pod& pod);
  Result<> AdoptMissing(Container& one);

  // user_namespaces.cpp
  Result<> ProbeUserNamespaces() const;

  Result<> Discard(const std::string& path);            // rename into the trash, delete behind

  const Config config_;
  const Paths paths_;
  image::ImageStore& images_;
  cni::Network& network_;
  cgroups::Cgroups& groups_;
  ShimProgram shim_program_;
  std::string boot_id_;
  container::NodeFacts facts_;
  Result<> user_namespaces_;
  std::unique_ptr<container::SeccompCache> seccomp_;
  container::AppArmorDefault apparmor_;
  Store store_;
  Events events_;
  std::mutex levels_mutex_;  // held while a pod's level is chosen, until the pod is known by it
  std::mutex adopting_mutex_;
  std::condition_variable adopting_done_;
  int adopting_ = 0;
  mutable Refreshed<LayerUsage> usage_{"usage", WalkLayer};
  mutable Refreshed<OpenFiles> open_files_{"open files", [this](const std::string& cgroup) {
    auto processes = groups_.Processes(cgroup);
    return processes.ok() ? CountOpenFiles(*processes) : OpenFiles();
  }};
  Admission admission_;
  ThreadPool trash_{"trash", 1};
  ThreadPool pool_{"work", 256};
  std::unique_ptr<shim::ShimLoop> loop_;  // ends first: nothing calls back into what is below it
};

}  // namespace cradle::sandbox
