#include "cri/describe.h"

#include "cri/convert_container.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

using sandbox::ContainerView;
using sandbox::PodView;
using Map = google::protobuf::Map<std::string, std::string>;

void Copy(const sandbox::StringMap& from, Map* to) { to->insert(from.begin(), from.end()); }

// What the pod says, not the id that the kubelet made of it.
void FillImageSpec(const container::ContainerSpec& spec, pb::ImageSpec* out) {
  out->set_image(spec.user_specified_image.empty() ? spec.image : spec.user_specified_image);
  out->set_user_specified_image(spec.user_specified_image);
  out->set_runtime_handler(spec.image_runtime_handler);
}

pb::MountPropagation PropagationOf(container::Propagation propagation) {
  switch (propagation) {
    case container::Propagation::kSlave:
      return pb::PROPAGATION_HOST_TO_CONTAINER;
    case container::Propagation::kShared:
      return pb::PROPAGATION_BIDIRECTIONAL;
    case container::Propagation::kPrivate:
      break;
  }
  return pb::PROPAGATION_PRIVATE;
}

void FillUser(const container::ResolvedUser& user, pb::LinuxContainerUser* out) {
  out->set_uid(user.uid);
  out->set_gid(user.gid);
  for (uint32_t group : user.groups) out->add_supplemental_groups(group);
}

void FillMounted(const container::MountSpec& mount, const std::vector<container::VolumeImage>& images,
                 pb::Mount* out) {
  FillMount(mount, out);
  for (const container::VolumeImage& image : images)
    if (image.image == mount.image) out->mutable_image()->set_image_ref(image.id);
}

void FillExit(const container::ExitRecord& exit, pb::ContainerStatus& out) {
  if (out.started_at() == 0) out.set_started_at(exit.started_at);
  out.set_finished_at(exit.finished_at);
  out.set_exit_code(exit.exit_code);
  out.set_reason(exit.reason);
  out.set_message(exit.message);
}

pb::ContainerEventType TypeOf(sandbox::EventKind kind) {
  switch (kind) {
    case sandbox::EventKind::kCreated:
      return pb::CONTAINER_CREATED_EVENT;
    case sandbox::EventKind::kStarted:
      return pb::CONTAINER_STARTED_EVENT;
    case sandbox::EventKind::kStopped:
      return pb::CONTAINER_STOPPED_EVENT;
    case sandbox::EventKind::kDeleted:
      break;
  }
  return pb::CONTAINER_DELETED_EVENT;
}

}  // namespace

void FillMetadata(const sandbox::PodSpec& spec, pb::PodSandboxMetadata* out) {
  out->set_name(spec.name);
  out->set_namespace_(spec.name_space);
  out->set_uid(spec.uid);
  out->set_attempt(spec.attempt);
}

void FillMetadata(const container::ContainerSpec& spec, pb::ContainerMetadata* out) {
  out->set_name(spec.name);
  out->set_attempt(spec.attempt);
}

pb::NamespaceMode ModeOf(container::PidMode mode) {
  switch (mode) {
    case container::PidMode::kContainer:
      return pb::CONTAINER;
    case container::PidMode::kNode:
      return pb::NODE;
    case container::PidMode::kTarget:
      return pb::TARGET;
    case container::PidMode::kPod:
      break;
  }
  return pb::POD;
}

void FillNamespaces(const sandbox::PodSpec& spec, pb::NamespaceOption* out) {
  out->set_network(spec.host_network ? pb::NODE : pb::POD);
  out->set_ipc(spec.host_ipc ? pb::NODE : pb::POD);
  out->set_pid(ModeOf(spec.pid_mode));
  if (!spec.users) return;
  pb::UserNamespace* users = out->mutable_userns_options();
  users->set_mode(pb::POD);
  auto fill = [](const container::IdRange& range, pb::IDMapping* mapping) {
    mapping->set_host_id(range.host);
    mapping->set_length(range.length);
  };
  fill(spec.users->uids, users->add_uids());
  fill(spec.users->gids, users->add_gids());
}

void FillMount(const container::MountSpec& mount, pb::Mount* out) {
  out->set_container_path(mount.container_path);
  out->set_host_path(mount.host_path);
  out->set_readonly(mount.readonly);
  out->set_recursive_read_only(mount.recursive_readonly);
  out->set_selinux_relabel(mount.selinux_relabel);
  out->set_propagation(PropagationOf(mount.propagation));
  if (mount.noexec) out->add_mount_options("noexec");
  if (mount.nodev) out->add_mount_options("nodev");
  if (mount.nosuid) out->add_mount_options("nosuid");
  if (mount.image.empty()) return;
  out->mutable_image()->set_image(mount.image);
  out->set_image_sub_path(mount.image_sub_path);
}

void FillLimits(const cgroups::Limits& limits, int64_t oom_score_adj,
                pb::LinuxContainerResources* out) {
  out->set_cpu_period(limits.cpu_period);
  out->set_cpu_quota(limits.cpu_quota);
  out->set_cpu_shares(limits.cpu_shares);
  out->set_memory_limit_in_bytes(limits.memory);
  out->set_memory_swap_limit_in_bytes(limits.memory_swap);
  out->set_oom_score_adj(oom_score_adj);
  out->set_cpuset_cpus(limits.cpuset_cpus);
  out->set_cpuset_mems(limits.cpuset_mems);
  for (const auto& [size, bytes] : limits.hugepages) {
    pb::HugepageLimit* limit = out->add_hugepage_limits();
    limit->set_page_size(size);
    limit->set_limit(bytes);
  }
  Copy(limits.unified, out->mutable_unified());
}

pb::PodSandboxState StateOf(const PodView& pod) {
  return pod.ready ? pb::SANDBOX_READY : pb::SANDBOX_NOTREADY;
}

pb::ContainerState StateOf(const ContainerView& container) {
  switch (container.state) {
    case sandbox::State::kCreated:
      return pb::CONTAINER_CREATED;
    case sandbox::State::kRunning:
      return pb::CONTAINER_RUNNING;
    case sandbox::State::kExited:
      return pb::CONTAINER_EXITED;
    case sandbox::State::kUnknown:
      break;
  }
  return pb::CONTAINER_UNKNOWN;
}

pb::PodSandbox DescribePod(const PodView& pod) {
  pb::PodSandbox out;
  const sandbox::PodSpec& spec = pod.record.spec;
  out.set_id(pod.record.id.str());
  FillMetadata(spec, out.mutable_metadata());
  out.set_state(StateOf(pod));
  out.set_created_at(pod.record.created_at);
  Copy(spec.labels, out.mutable_labels());
  Copy(spec.annotations, out.mutable_annotations());
  out.set_runtime_handler(spec.handler);
  return out;
}

pb::PodSandboxStatus DescribePodStatus(const PodView& pod) {
  pb::PodSandboxStatus out;
  const sandbox::PodSpec& spec = pod.record.spec;
  out.set_id(pod.record.id.str());
  FillMetadata(spec, out.mutable_metadata());
  out.set_state(StateOf(pod));
  out.set_created_at(pod.record.created_at);
  pb::PodSandboxNetworkStatus* network = out.mutable_network();
  for (size_t i = 0; i < pod.ips.size(); ++i) {
    if (i == 0) {
      network->set_ip(pod.ips[i]);
    } else {
      network->add_additional_ips()->set_ip(pod.ips[i]);
    }
  }
  FillNamespaces(spec, out.mutable_linux()->mutable_namespaces()->mutable_options());
  Copy(spec.labels, out.mutable_labels());
  Copy(spec.annotations, out.mutable_annotations());
  out.set_runtime_handler(spec.handler);
  return out;
}

pb::Container DescribeContainer(const ContainerView& container) {
  pb::Container out;
  const container::ContainerRecord& record = *container.record;
  out.set_id(record.id.str());
  out.set_pod_sandbox_id(record.pod.str());
  FillMetadata(record.spec, out.mutable_metadata());
  FillImageSpec(record.spec, out.mutable_image());
  out.set_image_ref(record.image.ref);
  out.set_image_id(record.image.id);
  out.set_state(StateOf(container));
  out.set_created_at(record.created_at);
  Copy(record.spec.labels, out.mutable_labels());
  Copy(record.spec.annotations, out.mutable_annotations());
  return out;
}

pb::ContainerStatus DescribeContainerStatus(const ContainerView& container) {
  pb::ContainerStatus out;
  const container::ContainerRecord& record = *container.record;
  out.set_id(record.id.str());
  FillMetadata(record.spec, out.mutable_metadata());
  out.set_state(StateOf(container));
  out.set_created_at(record.created_at);
  out.set_started_at(container.started_at);
  FillImageSpec(record.spec, out.mutable_image());
  out.set_image_ref(record.image.ref);
  out.set_image_id(record.image.id);
  Copy(record.spec.labels, out.mutable_labels());
  Copy(record.spec.annotations, out.mutable_annotations());
  for (const auto& mount : record.spec.mounts) FillMounted(mount, record.volume_images, out.add_mounts());
  out.set_log_path(record.log_path);
  FillLimits(container.limits, record.spec.oom_score_adj, out.mutable_resources()->mutable_linux());
  FillUser(container.user, out.mutable_user()->mutable_linux());
  out.set_stop_signal(SignalFrom(container.stop_signal));
  if (container.state == sandbox::State::kExited) FillExit(container.exit, out);
  return out;
}

pb::ContainerAttributes DescribeAttributes(const ContainerView& container) {
  pb::ContainerAttributes out;
  const container::ContainerRecord& record = *container.record;
  out.set_id(record.id.str());
  FillMetadata(record.spec, out.mutable_metadata());
  Copy(record.spec.labels, out.mutable_labels());
  Copy(record.spec.annotations, out.mutable_annotations());
  return out;
}

pb::PodSandboxAttributes DescribeAttributes(const PodView& pod) {
  pb::PodSandboxAttributes out;
  out.set_id(pod.record.id.str());
  FillMetadata(pod.record.spec, out.mutable_metadata());
  Copy(pod.record.spec.labels, out.mutable_labels());
  Copy(pod.record.spec.annotations, out.mutable_annotations());
  return out;
}

pb::ContainerEventResponse DescribeEvent(const sandbox::Event& event) {
  pb::ContainerEventResponse out;
  out.set_container_id(event.id);
  out.set_container_event_type(TypeOf(event.kind));
  out.set_created_at(event.at);
  *out.mutable_pod_sandbox_status() = DescribePodStatus(*event.pod);
  for (const auto& container : event.containers) *out.add_containers_statuses() = DescribeContainerStatus(*container);
  return out;
}

pb::Image DescribeImage(const image::Image& image) {
  pb::Image out;
  out.set_id(image.id);
  for (const auto& tag : image.repo_tags) out.add_repo_tags(tag);
  for (const auto& digest : image.repo_digests) out.add_repo_digests(digest);
  out.set_size(image.size);
  if (image.uid) {
    out.mutable_uid()->set_value(*image.uid);
  } else {
    out.set_username(image.username);
  }
  out.set_pinned(image.pinned);
  return out;
}

}  // namespace cradle::cri
