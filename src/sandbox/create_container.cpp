// CreateContainer: image, record, upper, cgroup, init. The container's first process then waits at its gate.
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>

#include "base/crash_point.h"
#include "base/sys/file.h"
#include "container/devices.h"
#include "sandbox/explain.h"
#include "sandbox/files.h"
#include "sandbox/node.h"
#include "sandbox/steps.h"
#include "sandbox/views.h"

namespace cradle::sandbox {
namespace {

std::string LogPath(const PodSpec& pod, const container::ContainerSpec& spec) {
  if (pod.log_directory.empty() || spec.log_path.empty()) return "";
  return Cat(pod.log_directory, "/", spec.log_path);
}

Result<ContainerId> Existing(const Container& one, const container::ContainerRecord& record) {
  bool same = AskedFingerprint(one.record()) == AskedFingerprint(record);
  const container::ContainerSpec& asked = record.spec;
  State state = one.state();
  if (same && (state == State::kCreated || state == State::kRunning)) return one.id();
  return Error(Code::kAlreadyExists,
               Cat("container ", asked.name, " attempt ", std::to_string(asked.attempt),
                   " exists as ", one.id().str(),
                   same ? " and is over" : " with another configuration"));
}

}  // namespace

void Node::CreateContainer(const std::string& pod_id, container::ContainerSpec spec,
                           Done<ContainerId> done) {
  auto found = store_.FindPod(pod_id);
  if (!found.ok()) return done(found.error());
  PodRef pod = *found;
  if (pod->phase() != Pod::Phase::kReady)
    return done(FailedPrecondition(Cat("pod ", pod->Name(), " is not ready")));
  std::string name = spec.name;
  auto record = MakeRecord(*pod, std::move(spec));
  if (!record.ok()) return done(std::move(record).With(Cat("create container ", name)).error());
  auto made = std::make_shared<Container>(
      pod, std::make_shared<const container::ContainerRecord>(std::move(*record)));
  if (ContainerRef holder = store_.ReserveContainer(made)) {
    images_.Release(made->id().str());
    bool same = AskedFingerprint(holder->record()) == AskedFingerprint(made->record());
    if (same && store_.JoinContainer(holder->id(), done)) return;
    return done(Existing(*holder, made->record()));
  }
  store_.JoinContainer(made->id(), std::move(done));
  admission_.Enter(Admission::Kind::kContainer, [this, made](Admission::Ticket ticket) {
    PostServed(made->pod(), [this, made, ticket] {
      Result<> result = MakeContainer(*made).With(Cat("create container ", made->record().spec.name));
      admission_.Leave(ticket);
      for (auto& joined : store_.FinishContainer(made->id())) {
        if (result.ok())
          joined(made->id());
        else
          joined(result.error());
      }
    });
  });
}

// Takes the image's layers for the container: from here to the record on disk they are held in memory alone.
Result<container::ContainerRecord> Node::MakeRecord(const Pod& pod, container::ContainerSpec spec) {
  container::ContainerRecord record;
  record.id = ContainerId(RandomHex64());
  record.pod = pod.id();
  TRY(container::StopSignal(spec, {}));
  record.spec = std::move(spec);
  TRYV(InjectDevices(config_.cdi, record));
  auto held = HoldImages(record);
  if (!held.ok()) {
    images_.Release(record.id.str());
    return std::move(held.error());
  }
  record.cgroup = Cat(pod.record().cgroup_parent, "/", record.id.str());
  record.log_path = LogPath(pod.record().spec, record.spec);
  record.created_at = WallNanos();
  record.boot_id = boot_id_;
  return record;
}

Result<> Node::HoldImages(container::ContainerRecord& record) {
  const container::ContainerSpec& spec = record.spec;
  auto image = TRY(images_.Acquire(spec.image, record.id.str()));
  record.image.id = image->id;
  record.image.ref = image->repo_digests.empty() ? image->id : image->repo_digests.front();
  record.image.config = image->config;
  record.image.layer_dirs = image->layer_dirs;
  for (const container::MountSpec& mount : spec.mounts) {
    if (mount.image.empty()) continue;
    auto volume = TRY(images_.Acquire(mount.image, record.id.str())
                          .With(Cat("ImageVolumeMountFailed: mount at ", mount.container_path)));
    record.volume_images.push_back({mount.image, volume->id, volume->layer_dirs});
  }
  return {};
}

container::PodContext Node::ContextOf(const Pod& pod) const {
  std::string dir = paths_.pod(pod.id());
  container::PodContext context;
  context.hosts = dir + "/hosts";
  context.hostname_file = dir + "/hostname";
  context.resolv_conf = dir + "/resolv.conf";
  auto hostname = EffectiveHostname(pod.record().spec);
  if (hostname.ok()) context.hostname = *hostname;
  context.privileged = pod.record().spec.privileged;
  context.users = pod.record().spec.users;
  context.selinux = pod.record().spec.selinux;
  if (context.selinux.level.empty()) context.selinux.level = pod.record().selinux_level;
  context.views = ViewsOf(config_.handlers, pod.record().spec);
  return context;
}

// Devices come and go.
Result<container::NodeFacts> Node::FactsFor(const container::ContainerSpec& spec) const {
  container::NodeFacts facts = facts_;
  if (spec.security.privileged) facts.host_devices = TRY(container::HostDevices("/dev"));
  return facts;
}

Result<> Node::RelabelVolumes(const container::ContainerSpec& spec, const std::string& label) {
  if (label.empty()) return {};
  for (const container::MountSpec& mount : spec.mounts)
    if (mount.selinux_relabel) TRYV(container::Relabel(mount.host_path, label, After(kRelabel)));
  return {};
}

Result<> Node::MakeContainer(Container& made) {
  const container::ContainerRecord& record = made.record();
  Pod& pod = made.pod();
  Laps laps;
  Steps steps("create_container", laps);
  auto chain = [&]() -> Result<> {
    TRYV(steps.Do(
        "record",
        [&]() -> Result<> {
          // The pod may have been stopped while this waited in its queue.
          if (pod.phase() != Pod::Phase::kReady)
            return FailedPrecondition(Cat("pod ", pod.Name(), " is not ready"));
          TRYV(sys::MkdirAt(kCwd, paths_.container(record.id), 0700));
          TRYV(CrashPoint("create_container.folder"));
          return sys::ReplaceFile(kCwd, Cat(paths_.container(record.id), "/", kContainerFile),
                                  record.ToJson(), 0600);
        },
        [&] { return EraseContainerFiles(record.id); }));
    return SetUpContainer(made, steps);
  };
  Result<> result = chain();
  if (!result.ok()) {
    (void)groups_.Kill(record.cgroup).ok();  // an init whose answer came too late
    std::vector<std::string> left = steps.UndoAll();
    images_.Release(record.id.str());
    store_.EraseContainer(made);
    for (const std::string& one : left)
      if (result.error().code() != Code::kCancelled) result = Result<>(result.error()).With(one);
    return result;
  }
  steps.Commit();
  made.Change([&](ContainerView& view) { view.laps = laps; });
  ShowContainer(made);
  return {};
}

Result<> Node::SetUpContainer(Container& made, Steps& steps) {
  const container::ContainerRecord& record = made.record();
  Pod& pod = made.pod();
  container::Places places;
  places.upper_dir = paths_.upper(record.id);
  places.work_dir = paths_.work(record.id);
  TRYV(steps.Do("upper", [&]() -> Result<> {
    TRYV(sys::MkdirAt(kCwd, places.upper_dir, 0755));
    if (const auto& users = pod.record().spec.users)  // the container's "/"
      TRYV(sys::FchownAt(kCwd, places.upper_dir, users->uids.host, users->gids.host, 0));
    return sys::MkdirAt(kCwd, places.work_dir, 0700);
  }));
  TRYV(steps.Do(
      "cgroup",
      [&]() -> Result<> {
        cgroups::Limits limits = made.view()->limits;
        limits.devices = container::BuildDeviceRules(record.spec);
        places.placement = TRY(groups_.Create(record.cgroup, limits));
        return {};
      },
      [this, &made] { return groups_.Destroy(made.record().cgroup, After(kKill)); }));
  TRYV(steps.Do("init", [&]() -> Result<> {
    container::LaunchPlan plan = TRY(
        container::BuildLaunchPlan(record, ContextOf(pod), TRY(FactsFor(record.spec)), places, *seccomp_));
    TRYV(RelabelVolumes(record.spec, plan.mount_label));
    if (plan.process.apparmor_profile == container::kAppArmorDefault) TRYV(apparmor_.Load());
    auto client = TRY(pod.NeedShim());
    auto launched = client->Create(plan, After(kLaunch));
    if (!launched.ok())
      return ExplainLaunch(std::move(launched.error()), groups_, record.cgroup, record.spec.limits.memory);
    shim::Created created = std::move(*launched);
    made.SetPidfd(std::move(created.pidfd));
    made.Change([&](ContainerView& view) {
      view.pid = created.pid;
      view.user = created.user;
    });
    return {};
  }, [&made]() -> Result<> {
    auto client = made.pod().shim();
    if (!client) return {};
    auto gone = client->Delete(made.id().str(), After(kShimCall));
    if (!gone.ok() && gone.error().code() == Code::kNotFound) return {};
    return gone;
  }));
  return steps.Do("hooks", [&] {
    return RunHooks(made, {cdi::kPrestart, cdi::kCreateRuntime, cdi::kCreateContainer}, "creating");
  });
}

// What it may have written in a moment that nobody was told of is gone with its layer.
Result<> Node::RemakeContainer(Container& one) {
  const ContainerId& id = one.record().id;
  TRYV(groups_.Destroy(one.record().cgroup, After(kKill)));
  for (const std::string& dir : {paths_.upper(id), paths_.work(id)}) TRYV(sys::RemoveTree(kCwd, dir));
  Laps laps;
  Steps steps("create_container", laps);
  TRYV(SetUpContainer(one, steps));
  steps.Commit();
  one.ChangeFrom(State::kUnknown, [](ContainerView& view) { view.state = State::kCreated; });
  return {};
}

}  // namespace cradle::sandbox
