// RunPodSandbox: record, cgroup, shim, namespaces, network, files, ready.
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <set>

#include "base/crash_point.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/sys/file.h"
#include "base/sys/mount.h"
#include "base/sys/process.h"
#include "base/sys/socket.h"
#include "sandbox/bandwidth.h"
#include "sandbox/files.h"
#include "sandbox/node.h"
#include "sandbox/steps.h"

namespace cradle::sandbox {
namespace {

// The smallest share: pause never runs.
constexpr int64_t kPauseShares = 2;

Result<PodRecord> NewRecord(PodSpec spec, const cgroups::Cgroups& groups, const std::string& boot_id,
                            std::string selinux_level) {
  PodRecord record;
  record.id = PodId(RandomHex64());
  auto parent = TRY(groups.ParentOf(spec.cgroup_parent, record.id.str()).With("linux.cgroup_parent"));
  record.own_parent = parent.own;
  record.cgroup_parent = std::move(parent.path);
  record.spec = std::move(spec);
  record.created_at = WallNanos();
  record.boot_id = boot_id;
  if (record.spec.selinux.level.empty()) record.selinux_level = std::move(selinux_level);
  return record;
}

// What the key's holder means for the same request made again.
Result<PodId> Existing(const Pod& pod, const PodSpec& asked) {
  bool same = pod.record().spec.ToJson() == asked.ToJson();
  if (same && pod.phase() == Pod::Phase::kReady) return pod.id();
  return Error(Code::kAlreadyExists,
               Cat("pod ", asked.DisplayName(), " attempt ", std::to_string(asked.attempt),
                   " exists as ", pod.id().str(),
                   same ? " and is not ready" : " with another configuration"));
}

// The error with what the shim wrote of it: its log goes with the pod.
Error Quoting(FdRef log, off_t from, Error error) {
  char written[512];
  auto size = sys::Pread(log, written, sizeof written, from);
  std::string said = Printable({written, size.ok() ? *size : 0});
  return said.empty() ? std::move(error) : Error(error.code(), Cat(error.text(), "; the shim said: ", said));
}

}  // namespace

uint64_t NewNamespaces(const PodSpec& spec) {
  uint64_t flags = 0;
  if (!spec.host_network) flags |= CLONE_NEWNET | CLONE_NEWUTS;
  if (!spec.host_ipc) flags |= CLONE_NEWIPC;
  if (spec.pid_mode == container::PidMode::kPod) flags |= CLONE_NEWPID;
  return flags;
}

void Node::RunPod(PodSpec spec, Done<PodId> done) {
  if (spec.users)
    if (auto possible = UserNamespaces(); !possible.ok())
      return done(std::move(possible).With(Cat("run pod ", spec.DisplayName(), ": user namespaces")).error());
  std::unique_lock choosing(levels_mutex_);
  auto record = NewRecord(spec, groups_, boot_id_, FreeSelinuxLevel());
  if (!record.ok()) return done(std::move(record).With(Cat("run pod ", spec.DisplayName())).error());
  auto pod = std::make_shared<Pod>(std::move(*record), pool_);
  PodRef holder = store_.ReservePod(spec.Key(), pod);
  choosing.unlock();
  if (holder) {
    bool same = holder->record().spec.ToJson() == spec.ToJson();
    if (same && store_.JoinPod(holder->id(), done)) return;
    return done(Existing(*holder, spec));
  }
  store_.JoinPod(pod->id(), std::move(done));
  admission_.Enter(Admission::Kind::kPod, [this, pod](Admission::Ticket ticket) {
    pod->Post([this, pod, ticket] {
      Result<> made = MakePod(*pod).With(Cat("run pod ", pod->record().spec.DisplayName()));
      admission_.Leave(ticket);
      for (auto& joined : store_.FinishPod(pod->id())) {
        if (made.ok())
          joined(pod->id());
        else
          joined(made.error());
      }
    });
  });
}

// One that no other pod of this node has.
std::string Node::FreeSelinuxLevel() const {
  std::string base = facts_.selinux.BaseLevel();
  if (base.empty()) return "";
  std::set<std::string> taken;
  for (const PodRef& pod : store_.AllPods()) taken.insert(pod->record().selinux_level);
  std::string level;
  do level = container::RandomSelinuxLevel(base);
  while (taken.contains(level));
  return level;
}

container::SelinuxLabels Node::LabelsOf(const Pod& pod) const {
  return container::BuildSelinuxLabels(facts_.selinux, {}, ContextOf(pod).selinux, false);
}

Result<> Node::MakePod(Pod& pod) {
  Laps laps;
  Steps steps("run_pod", laps);
  auto chain = [&]() -> Result<> {
    TRYV(steps.Do("record", [&] { return WritePodRecord(pod); },
                  [&] { return ErasePodFiles(pod.id()); }));
    TRYV(steps.Do("cgroup", [&] { return MakePodGroups(pod); }, [&] { return RemovePodGroups(pod); }));
    TRYV(steps.Do("shim", [&] { return StartShim(pod); }, [&] { return EndShim(pod); }));
    TRYV(steps.Do("namespaces", [&] { return StartPause(pod); }));
    if (!pod.record().spec.host_network)
      TRYV(steps.Do("network", [&] { return AttachNetwork(pod); },
                    [&] { return DetachNetwork(pod); }));
    TRYV(steps.Do("files", [&] { return WritePodFiles(pod); }));
    return steps.Do("ready", [&] {
      return sys::ReplaceFile(kCwd, Cat(paths_.run(pod.id()), "/", kReadyFile), "", 0600);
    });
  };
  Result<> made = chain();
  if (!made.ok()) {
    std::vector<std::string> left = steps.UndoAll();
    if (left.empty()) {
      store_.ErasePod(pod);
      return made;
    }
    // It stays in the lists as NOTREADY, so that the kubelet's StopPodSandbox and RemovePodSandbox finish the job.
    std::string text;
    for (const std::string& one : left) text += Cat("; ", one);
    log::Warning(Cat("pod ", pod.Name(), ": not undone", text));
    pod.SetPhase(Pod::Phase::kNotReady);
    return made;
  }
  steps.Commit();
  pod.Change([&](PodView& view) { view.laps = laps; });
  ShowPod(pod);
  return {};
}

Result<> Node::WritePodRecord(const Pod& pod) {
  std::string dir = paths_.pod(pod.id());
  TRYV(sys::MkdirAt(kCwd, dir, 0700));
  TRYV(CrashPoint("run_pod.folder"));
  return sys::ReplaceFile(kCwd, Cat(dir, "/", kPodFile), pod.record().ToJson(), 0600);
}

Result<> Node::MakePodGroups(const Pod& pod) {
  if (pod.record().own_parent) TRYV(groups_.Create(pod.record().cgroup_parent, {}));
  cgroups::Limits limits;
  limits.cpu_shares = kPauseShares;
  TRYV(groups_.Create(PauseGroup(pod), limits));
  return {};
}

Result<> Node::StartShim(Pod& pod) {
  TRYV(sys::MkdirAt(kCwd, paths_.run(pod.id()), 0700));
  pod.SetShim(TRY(LaunchShim(pod)));
  return {};
}

Result<std::shared_ptr<shim::ShimClient>> Node::LaunchShim(Pod& pod) {
  std::string dir = paths_.run(pod.id());
  UniqueFd listener = TRY(sys::ListenUnix(paths_.shim_socket(pod.id()), SOCK_SEQPACKET, 16));
  UniqueFd log = TRY(sys::OpenAt(kCwd, dir + "/shim.log", O_RDWR | O_CREAT | O_APPEND, 0600));
  off_t logged = TRY(sys::Fstat(log)).st_size;
  cgroups::Placement place = TRY(groups_.Create(ShimGroup(pod), {}));
  UniqueFd pause = TRY(shim_program_.OpenPause());
  sys::SpawnOptions options;
  options.program = shim_program_.path();
  options.args = {"cradle-shim", "--pod", pod.id().str(), "--dir", dir};
  for (const std::string& join : place.join_dirs) options.args.insert(options.args.end(), {"--cgroup-join", join});
  UniqueFd v2;
  if (!place.v2_dir.empty()) v2 = TRY(sys::OpenAt(kCwd, place.v2_dir, O_PATH | O_DIRECTORY));
  options.cgroup = v2;
  options.fds = {{log, 2}, {listener, 3}, {pause, 4}};
  options.new_session = true;
  sys::Child shim = TRY(sys::Spawn(options).With(config_.shim_program));
  pod.shim_pidfd = std::move(shim.pidfd);
  pod.Change([&](PodView& view) { view.shim_pid = shim.pid; });
  if (v2.valid() && !shim.in_cgroup) TRYV(sys::WriteControl(v2, "cgroup.procs", std::to_string(shim.pid)));
  listener.Reset();  // else a shim that dies at once would be waited for
  auto client = ConnectShim(pod, After(kShimCall));
  if (!client.ok()) return Quoting(log, logged, std::move(client.error()));
  return client;
}

Result<std::shared_ptr<shim::ShimClient>> Node::ConnectShim(Pod& pod, Deadline deadline) {
  shim::ShimClient::Events events;
  events.exited = [this](const shim::ExitInfo& info) { OnExit(info); };
  events.lost = [this, id = pod.id()] { OnShimLost(id); };
  events.pause_ended = [this, id = pod.id()] { OnPauseEnded(id); };
  auto client =
      TRY(shim::ShimClient::Connect(*loop_, paths_.shim_socket(pod.id()), std::move(events), deadline));
  pod.Change([&](PodView& view) { view.shim_pid = client->shim_pid(); });
  return client;
}

Result<> Node::StartPause(Pod& pod) {
  const PodSpec& spec = pod.record().spec;
  cgroups::Placement place = groups_.Locate(PauseGroup(pod));
  container::PausePlan plan;
  plan.new_namespaces = NewNamespaces(spec);
  plan.hostname = spec.hostname;
  plan.cgroup_join = place.join_dirs;
  plan.cgroup_v2 = place.v2_dir;
  plan.users = spec.users;
  plan.sysctls.assign(spec.sysctls.begin(), spec.sysctls.end());
  container::SelinuxLabels labels = LabelsOf(pod);
  plan.selinux_label = labels.process;
  plan.mount_label = labels.file;
  plan.oom_score_adj = -998;  // as the kubelet's convention for sandboxes; clamped where it is refused
  auto client = TRY(pod.NeedShim());
  shim::PauseStarted pause = TRY(client->Pause(plan, After(kShimCall)));
  pod.pause_pidfd = std::move(pause.pidfd);
  pod.Change([&](PodView& view) { view.pause_pid = pause.pid; });
  return {};
}

Result<> Node::AttachNetwork(Pod& pod) {
  const PodSpec& spec = pod.record().spec;
  std::string path = paths_.netns(pod.id());
  std::string source = Cat("/proc/", std::to_string(pod.view()->pause_pid), "/ns/net");
  UniqueFd netns = TRY(sys::OpenAt(kCwd, source, O_RDONLY));
  TRY(sys::OpenAt(kCwd, path, O_RDONLY | O_CREAT | O_EXCL, 0600));
  TRYV(sys::Mount(source, path, "", MS_BIND, ""));
  TRYV(cni::BringUpLoopback(netns).With("loopback"));
  cni::AddRequest request;
  request.pod_id = pod.id().str();
  request.netns_path = path;
  request.pod_name = spec.name;
  request.pod_namespace = spec.name_space;
  request.pod_uid = spec.uid;
  request.port_mappings = spec.port_mappings;
  if (std::string bandwidth = TRY(BandwidthCapability(spec.annotations)); !bandwidth.empty())
    request.capabilities["bandwidth"] = std::move(bandwidth);
  cni::Attachment attachment = TRY(network_.Add(request, After(kNetwork)));
  pod.Change([&](PodView& view) {
    view.ips = attachment.ips;
    view.netns_path = path;
  });
  return {};
}

Result<> Node::WritePodFiles(const Pod& pod) {
  PodFiles files = TRY(RenderPodFiles(pod.record().spec, pod.view()->ips));
  std::string dir = paths_.pod(pod.id());
  // Containers may write to them where their root is writable, so the modes are a container's.
  TRYV(sys::ReplaceFile(kCwd, dir + "/hosts", files.hosts, 0644));
  TRYV(sys::ReplaceFile(kCwd, dir + "/hostname", files.hostname, 0644));
  TRYV(sys::ReplaceFile(kCwd, dir + "/resolv.conf", files.resolv_conf, 0644));
  if (!facts_.selinux.enabled()) return {};
  for (const char* name : {"/hosts", "/hostname", "/resolv.conf"})
    TRYV(container::Relabel(dir + name, LabelsOf(pod).file, After(kRelabel)));
  return {};
}

}  // namespace cradle::sandbox
