// Start-up: what is on disk is read, and each pod is adopted in its own queue. A shim that is lost later: the same again.
//
//   record   mark        shim        then
//   none     -           -           half made: its folder is removed
//   corrupt  -           -           set aside; whatever has its id is killed and removed
//   ok       stopped     -           NOTREADY (torn down again unless the mark says done)
//   ok       other boot  -           NOTREADY, its network deleted
//   ok       not ready   -           half made: undone
//   ok       ready       answers     READY; the shim says what its containers are
//   ok       ready       silent      READY, containers UNKNOWN; asked again until it answers
//   ok       ready       gone        it gets a successor (take_over.cpp), then as above; without one torn down, NOTREADY
#include <fcntl.h>

#include <algorithm>

#include "base/log.h"
#include "base/sys/file.h"
#include "sandbox/node.h"

namespace cradle::sandbox {
namespace {

constexpr size_t kMaxRecord = 8 << 20;
constexpr milliseconds kAdoptAll{5'000};   // how long Start waits for shims that don't answer
constexpr milliseconds kAskAgain{5'000};
constexpr milliseconds kNetworkGarbage{10'000};  // pods that start wait for it
constexpr int kGroupDepth = 6;             // /kubepods.slice/burstable/pod/container and a little more

// "<id>", "pod-<id>", "cradle-<id>.scope".
bool IsNamedAfter(std::string_view group, std::string_view id) {
  group.remove_prefix(group.rfind('-') + 1);  // npos + 1 is 0
  return group.substr(0, group.find('.')) == id;
}

// Every group named after it, wherever it is: what is left of a thing whose record can't be read.
void FindGroups(const cgroups::Cgroups& groups, const std::string& at, const std::string& name, int depth,
                std::vector<std::string>& found) {
  for (const std::string& child : groups.Children(at)) {
    std::string path = Cat(at == "/" ? "" : at, "/", child);
    if (IsNamedAfter(child, name))
      found.push_back(path);
    else if (depth > 1)
      FindGroups(groups, path, name, depth - 1, found);
  }
}

void DestroyGroupsNamed(cgroups::Cgroups& groups, const std::string& name) {
  std::vector<std::string> found;
  FindGroups(groups, "/", name, kGroupDepth, found);
  for (const std::string& path : found)
    if (auto gone = groups.Destroy(path, After(kKill)); !gone.ok())
      log::Warning(Cat("cgroup ", path, ": ", gone.error().text()));
}

Result<std::vector<std::string>> ListDir(const std::string& path) {
  UniqueFd dir = TRY(sys::OpenAt(kCwd, path, O_RDONLY | O_DIRECTORY));
  return sys::ListDir(dir);
}

std::vector<std::string> NamesIn(const std::string& path) {
  auto names = ListDir(path);
  return names.ok() ? std::move(*names) : std::vector<std::string>();
}

// The first thing made of a pod or a container is the folder of its record; killed then, it holds at most what
// ReplaceFile had not renamed yet.
bool IsBegun(const std::string& dir, const std::string& record) {
  auto names = ListDir(dir);
  return names.ok() && std::all_of(names->begin(), names->end(),
                                   [&](const std::string& name) { return name == Cat(record, ".tmp"); });
}

}  // namespace

Result<> Node::Recover() {
  for (const std::string& name : NamesIn(paths_.trash()))
    TRYV(Discard(Cat(paths_.trash(), "/", name)));
  for (const std::string& name : NamesIn(paths_.pods())) RecoverPodFile(name);
  for (const std::string& name : NamesIn(paths_.containers())) RecoverContainerFile(name);
  images_.DropUnused();
  BeginAdoption();

  std::unique_lock lock(adopting_mutex_);
  adopting_done_.wait_until(lock, After(kAdoptAll), [&] { return adopting_ == 0; });
  if (adopting_ > 0) log::Warning(Cat(std::to_string(adopting_), " pods don't answer yet; going on"));
  pool_.Post([this] {
    if (auto done = network_.CollectGarbage(After(kNetworkGarbage)); !done.ok())
      log::Warning(Cat("garbage of the network: ", done.error().text()));
  });
  return {};
}

void Node::RecoverPodFile(const std::string& name) {
  auto text = sys::ReadFile(kCwd, Cat(paths_.pods(), "/", name, "/", kPodFile), kMaxRecord);
  auto record = text.ok() ? PodRecord::FromJson(*text) : Result<PodRecord>(text.error());
  if (record.ok() && record->id.str() != name) record = Internal("names another pod");
  if (!record.ok()) return SetAside(paths_.pods(), name, kPodFile, record.error());
  auto pod = std::make_shared<Pod>(std::move(*record), pool_);
  bool stopped = sys::Exists(kCwd, Cat(paths_.pod(pod->id()), "/", kStoppedFile));
  bool ready = sys::Exists(kCwd, Cat(paths_.run(pod->id()), "/", kReadyFile));
  bool same_boot = pod->record().boot_id == boot_id_;
  if (stopped || !same_boot)
    pod->SetPhase(Pod::Phase::kNotReady);
  else if (ready)
    pod->SetPhase(Pod::Phase::kReady);
  LoadUpdates(*pod);
  store_.AddRecoveredPod(pod);
}

void Node::RecoverContainerFile(const std::string& name) {
  auto text = sys::ReadFile(kCwd, Cat(paths_.containers(), "/", name, "/", kContainerFile), kMaxRecord);
  auto record = text.ok() ? container::ContainerRecord::FromJson(*text)
                          : Result<container::ContainerRecord>(text.error());
  if (record.ok() && record->id.str() != name) record = Internal("names another container");
  PodRef pod = record.ok() ? store_.PodById(record->pod) : nullptr;
  if (record.ok() && !pod) record = Internal(Cat("its pod ", record->pod.str(), " is not known"));
  if (!record.ok()) return SetAside(paths_.containers(), name, kContainerFile, record.error());
  auto one = std::make_shared<Container>(
      pod, std::make_shared<const container::ContainerRecord>(std::move(*record)));
  one->Change([](ContainerView& view) { view.state = State::kUnknown; });
  LoadUpdates(*one);
  if (auto exit = LoadSavedExit(*one)) one->SetExited(*exit);
  std::vector<std::string> layers = one->record().image.layer_dirs;
  for (const container::VolumeImage& volume : one->record().volume_images)
    layers.insert(layers.end(), volume.layer_dirs.begin(), volume.layer_dirs.end());
  if (auto held = images_.Reacquire(layers, name); !held.ok())
    log::Warning(Cat("container ", name, ": ", held.error().text()));
  store_.AddRecoveredContainer(std::move(one));
}

// The record can't be read: it is kept for people to look at, and what its id still names is killed and removed.
void Node::SetAside(const std::string& dir, const std::string& name, const char* file, const Error& why) {
  if (IsBegun(Cat(dir, "/", name), file)) {
    if (auto gone = sys::RemoveTree(kCwd, Cat(dir, "/", name)); !gone.ok())
      log::Warning(Cat(dir, "/", name, ": ", gone.error().text()));
    return;
  }
  log::Fail(Cat("record ", dir, "/", name, " set aside: ", why.text()));
  if (sys::MakeDirs(paths_.quarantine(), 0700).ok())
    (void)sys::RenameAt(kCwd, Cat(dir, "/", name), kCwd,
                        Cat(paths_.quarantine(), "/", name, "-", std::to_string(WallNanos())))
        .ok();
  if (!IsHexPrefix(name)) return;
  DestroyGroupsNamed(groups_, name);
  if (dir != paths_.pods()) return;
  PodId id(name);
  PodRecord record;
  record.id = id;
  if (auto parent = groups_.ParentOf("", name); parent.ok()) {
    record.cgroup_parent = parent->path;
    record.own_parent = parent->own;
  }
  auto pod = std::make_shared<Pod>(std::move(record), pool_);
  pool_.Post([this, pod] {
    if (auto client = ConnectShim(*pod, After(kShimCall)); client.ok()) pod->SetShim(std::move(*client));
    for (Result<> part : {EndShim(*pod), DetachNetwork(*pod), RemovePodGroups(*pod),
                          sys::RemoveTree(kCwd, paths_.run(pod->id()))})
      if (!part.ok()) log::Warning(Cat("pod ", pod->id().str(), ": ", part.error().text()));
  });
}

void Node::BeginAdoption() {
  for (const PodRef& pod : store_.AllPods()) {
    {
      std::lock_guard lock(adopting_mutex_);
      ++adopting_;
    }
    pod->Post([this, pod] { Adopt(pod); });
  }
  for (const std::string& id : network_.RecordedPods()) {
    if (store_.PodById(PodId(id))) continue;
    pool_.Post([this, id] {
      if (auto gone = network_.Del(id, "", After(kNetwork)); !gone.ok())
        log::Warning(Cat("network of pod ", id, ": ", gone.error().text()));
    });
  }
}

void Node::Adopt(const PodRef& pod) {
  auto finished = [&] {
    std::lock_guard lock(adopting_mutex_);
    if (--adopting_ == 0) adopting_done_.notify_all();
  };
  auto told = [&](const Result<>& result) {
    if (!result.ok()) log::Warning(Cat("recover pod ", pod->Name(), ": ", result.error().text()));
    finished();
  };
  // Those that ended while no daemon was there.
  for (const ContainerRef& one : store_.ContainersOf(pod->id())) {
    if (one->state() == State::kExited) continue;
    if (auto exit = LoadExit(*one)) SetExited(*one, *exit);
  }
  switch (pod->phase()) {
    case Pod::Phase::kMaking:
      return told(DropPod(*pod));
    case Pod::Phase::kNotReady:
      return told(TearDownPod(*pod));
    case Pod::Phase::kReady:
      break;
  }
  auto connected = ConnectShim(*pod, After(kShimCall));
  if (connected.ok()) {
    shim::PauseStarted pause = (*connected)->TakePause();
    // A successor whose daemon died before it was told, or pause was killed: then there is none, and the pod ends.
    if (pause.pid == 0) return told(SucceedShim(*pod));
    pod->pause_pidfd = std::move(pause.pidfd);
    pod->Change([&](PodView& view) { view.pause_pid = pause.pid; });
    pod->SetShim(std::move(*connected));
    return told(AdoptContainers(*pod, Shim::kSame));
  }
  if (connected.error().code() == Code::kDeadlineExceeded) {
    log::Warning(Cat("pod ", pod->Name(), ": its shim doesn't answer; asked again"));
    loop_->RunAt(After(kAskAgain), [this, pod] { AdoptAgain(pod); });
    return finished();
  }
  log::Warning(Cat("pod ", pod->Name(), ": its shim is gone: ", connected.error().text()));
  told(SucceedShim(*pod));
}

void Node::AdoptAgain(const PodRef& pod) {
  pod->Post([this, pod] {
    if (!store_.PodById(pod->id()) || pod->phase() != Pod::Phase::kReady || pod->shim()) return;
    std::unique_lock lock(adopting_mutex_);
    ++adopting_;
    lock.unlock();
    Adopt(pod);
  });
}

Result<> Node::AdoptContainers(Pod& pod, Shim shim) {
  auto client = TRY(pod.NeedShim());
  bool own_network = !pod.record().spec.host_network;
  auto attachment = own_network ? network_.Find(pod.id().str()) : Result<cni::Attachment>(cni::Attachment{});
  pod.Change([&](PodView& view) {
    if (attachment.ok()) view.ips = attachment->ips;
    if (own_network) view.netns_path = paths_.netns(pod.id());
  });
  std::vector<shim::Listed> listed = TRY(client->List(After(kShimCall)));
  for (const ContainerRef& one : store_.ContainersOf(pod.id())) {
    // Not begun: that waits in the queue.
    if (!sys::Exists(kCwd, Cat(paths_.container(one->id()), "/", kContainerFile))) continue;
    auto at = std::find_if(listed.begin(), listed.end(),
                           [&](const shim::Listed& item) { return item.container == one->id().str(); });
    if (at != listed.end()) {
      AdoptContainer(*one, *at, *client);
    } else if (shim == Shim::kSuccessor) {
      TRYV(AdoptMissing(*one));
    } else if (one->state() != State::kExited) {
      // Half made: its record was written, its init never was, so nobody will tell of its end.
      one->SetExited(UnknownExit(0));
      TRYV(DropContainer(*one));
    }
  }
  return {};
}

void Node::AdoptContainer(Container& one, const shim::Listed& item, shim::ShimClient& client) {
  one.Change([&](ContainerView& view) {
    view.user = item.user;
    view.started_at = item.started_at;
  });
  if (item.state == shim::ContainerState::kExited) {
    SetExited(one, ExitFrom(item.exit));
    if (auto saved = SaveExit(one); !saved.ok())
      log::Warning(Cat("container ", one.id().str(), ": exit not saved: ", saved.error().text()));
    return;
  }
  State state = item.state == shim::ContainerState::kCreated ? State::kCreated : State::kRunning;
  auto pidfd = client.ContainerPidfd(one.id().str(), After(kShimCall));
  if (pidfd.ok()) one.SetPidfd(std::move(*pidfd));
  if (state == State::kRunning) SetRunning(one, item.started_at);  // whose start wasn't told
  // An exit told since the list is not undone.
  one.ChangeFrom(State::kUnknown, [&](ContainerView& view) {
    view.state = state;
    view.pid = item.pid;
  });
}

}  // namespace cradle::sandbox
