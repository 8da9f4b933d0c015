#include "sandbox/node.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "base/log.h"
#include "base/sys/file.h"
#include "base/sys/process.h"

namespace cradle::sandbox {
namespace {

// All shims together, beside the pods and the system: a quarter of a group's usual weight.
constexpr int64_t kShimShares = 256;

// A start keeps about one processor busy: what is longer at it waits.
Pace PaceOf(const Config& config) {
  int processors = static_cast<int>(std::thread::hardware_concurrency());
  return {.fresh = std::max(2, processors), .in_all = config.max_parallel_starts, .moment = seconds(2)};
}

}  // namespace

Result<std::unique_ptr<Runtime>> Runtime::Start(Config config, image::ImageStore& images,
                                                cni::Network& network, cgroups::Cgroups& groups) {
  auto node = std::make_unique<Node>(std::move(config), images, network, groups);
  TRYV(node->Begin());
  return std::unique_ptr<Runtime>(std::move(node));
}

Node::Node(Config config, image::ImageStore& images, cni::Network& network, cgroups::Cgroups& groups)
    : config_(std::move(config)),
      paths_{config_.root, config_.state, config_.netns_dir},
      images_(images),
      network_(network),
      groups_(groups),
      admission_(PaceOf(config_)) {}

Node::~Node() {
  // Pods run on; only the connections to their shims end, and nothing of that is a loss.
  for (const PodRef& pod : store_.Pods()) pod->SetShim(nullptr);
}

Result<> Node::Begin() {
  for (const std::string& dir : {paths_.pods(), paths_.containers(), paths_.trash(), paths_.run_pods()})
    TRYV(sys::MakeDirs(dir, 0700));
  TRYV(sys::MakeDirs(paths_.netns_dir, 0755));
  boot_id_ = TRY(sys::ReadFile(kCwd, "/proc/sys/kernel/random/boot_id", 64));
  while (!boot_id_.empty() && boot_id_.back() == '\n') boot_id_.pop_back();
  TRYV(sys::SetChildSubreaper());
  shim_program_ = ShimProgram::At(config_.shim_program);
  facts_ = TRY(container::CollectNodeFacts());
  facts_.defaults = config_.defaults;
  facts_.devices_to_user = config_.devices_to_user;
  user_namespaces_ = ProbeUserNamespaces();
  if (!user_namespaces_.ok()) log::Info(Cat("no user namespaces: ", user_namespaces_.error().text()));
  seccomp_ = container::SeccompCache::Create();
  loop_ = TRY(shim::ShimLoop::Create());
  cgroups::Limits low;
  low.cpu_shares = kShimShares;
  TRY(groups_.Create(groups_.ShimsGroup(), low));
  return Recover();
}

// Those of a dead shim are this daemon's children: its successor must be able to look at them.
bool Node::Awaits(pid_t pid) const {
  for (const ContainerRef& one : store_.Containers()) {
    ContainerPtr view = one->view();
    if (view->pid == pid && view->state == State::kRunning) return true;
  }
  return false;
}

std::vector<PodPtr> Node::ListPods() const {
  std::vector<PodPtr> out;
  for (const PodRef& pod : store_.Pods()) out.push_back(pod->view());
  return out;
}

std::vector<ContainerPtr> Node::ListContainers() const {
  std::vector<ContainerPtr> out;
  for (const ContainerRef& one : store_.Containers()) out.push_back(one->view());
  return out;
}

Result<PodPtr> Node::FindPod(std::string_view id) const { return TRY(store_.FindPod(id))->view(); }

Result<ContainerPtr> Node::FindContainer(std::string_view id) const {
  return TRY(store_.FindContainer(id))->view();
}

Result<cgroups::Stats> Node::ReadStats(const ContainerView& container) const {
  return groups_.ReadStats(container.record->cgroup);
}

// The kubelet asks for the file system of the folder that is named: one that all layers share, and that doesn't go with
// one of them meanwhile.
Runtime::LayerUsage Node::WritableLayer(const ContainerView& container) const {
  std::string dir = paths_.upper(container.record->id);
  LayerUsage usage = usage_.Get(dir, EmptyLayer(dir));
  usage.dir = paths_.containers();
  return usage;
}

Result<> Node::Discard(const std::string& path) {
  std::string name = RandomHex64();
  auto moved = sys::RenameAt(kCwd, path, kCwd, Cat(paths_.trash(), "/", name));
  if (!moved.ok()) {
    if (moved.error().err() == ENOENT) return {};
    return sys::RemoveTree(kCwd, path);  // a full disk may have no room for one more name in the trash
  }
  trash_.Post([trash = paths_.trash(), name] {
    auto dir = sys::OpenAt(kCwd, trash, O_RDONLY | O_DIRECTORY);
    if (!dir.ok()) return;
    if (auto gone = sys::RemoveTree(*dir, name); !gone.ok())
      log::Warning(Cat("trash: ", gone.error().text()));
  });
  return {};
}

}  // namespace cradle::sandbox
