#include "container/build_mounts.h"

#include <algorithm>
#include <filesystem>

namespace cradle::container {
namespace {

bool IsAtOrBelow(std::string_view path, std::string_view parent) {
  return path == parent || (path.starts_with(parent) && path.substr(parent.size()).starts_with('/'));
}

bool IsCovered(std::string_view target, const std::vector<MountPlan>& by) {
  return std::any_of(by.begin(), by.end(), [&](const MountPlan& mount) { return IsAtOrBelow(target, mount.target); });
}

MountPlan Own(MountPlan::Kind kind, const char* target) {
  return {.kind = kind, .host_source = {}, .target = target, .nosuid = true, .nodev = true, .noexec = true,
          .options = {}};
}

std::vector<MountPlan> OwnMounts(const SecuritySpec& security, const PodContext& pod) {
  using Kind = MountPlan::Kind;
  MountPlan dev = Own(Kind::kTmpfs, "/dev");
  dev.nodev = dev.noexec = false;
  dev.options = "mode=755,size=65536k";
  // Made by the host's root, for the container's.
  if (pod.users)
    dev.options += Cat(",uid=", std::to_string(pod.users->uids.host), ",gid=", std::to_string(pod.users->gids.host));
  MountPlan pts = Own(Kind::kDevpts, "/dev/pts");
  pts.nodev = false;
  pts.options = "newinstance,ptmxmode=0666,mode=0620,gid=5";
  MountPlan shm = Own(security.host_ipc ? Kind::kBind : Kind::kPodShm, "/dev/shm");
  if (security.host_ipc) shm.host_source = "/dev/shm";
  MountPlan sys = Own(Kind::kSysfs, "/sys");
  MountPlan cgroup = Own(Kind::kCgroup, "/sys/fs/cgroup");
  sys.readonly = cgroup.readonly = !security.privileged;
  return {Own(Kind::kProc, "/proc"), dev, pts, shm, Own(Kind::kMqueue, "/dev/mqueue"), sys, cgroup};
}

// /etc/hosts and its like, and the node's time zone.
std::vector<MountPlan> PodFiles(const SecuritySpec& security, const PodContext& pod, const Defaults& defaults) {
  std::vector<MountPlan> files;
  const auto add = [&](const char* target, const std::string& source) {
    if (source.empty()) return;
    files.push_back({.kind = MountPlan::Kind::kBind, .host_source = source, .target = target,
                     .readonly = security.readonly_rootfs, .mapped = pod.users.has_value(), .options = {}});
  };
  add("/etc/hostname", pod.hostname_file);
  add("/etc/hosts", pod.hosts);
  add("/etc/resolv.conf", pod.resolv_conf);
  if (!defaults.timezone_file.empty())
    files.push_back({.kind = MountPlan::Kind::kBind, .host_source = defaults.timezone_file, .target = "/etc/localtime",
                     .readonly = true, .options = {}});
  return files;
}

Result<> CheckPath(std::string_view field, const std::string& path) {
  if (path.starts_with('/') && path.find('\0') == std::string::npos) return {};
  return InvalidArgument(Cat(field, " \"", path.substr(0, 256), "\" is no absolute path"));
}

// The image's devices are nobody's to open; setuid programs are what they are in the image of a container.
Result<MountPlan> ImageMount(const MountSpec& spec, std::string target, const ContainerRecord& record) {
  const auto found = std::find_if(record.volume_images.begin(), record.volume_images.end(),
                                  [&](const VolumeImage& volume) { return volume.image == spec.image; });
  if (found == record.volume_images.end() || found->layer_dirs.empty())
    return FailedPrecondition(Cat("mounts.image \"", spec.image.substr(0, 256), "\" has no layers"));
  return MountPlan{.kind = MountPlan::Kind::kImage, .host_source = {}, .target = std::move(target), .readonly = true,
                   .layers = found->layer_dirs, .image_path = CleanPath(Cat("/", spec.image_sub_path)),
                   .nosuid = spec.nosuid, .nodev = true, .noexec = spec.noexec, .options = {}};
}

Result<MountPlan> RequestMount(const MountSpec& spec, const ContainerRecord& record) {
  TRYV(CheckPath("mounts.container_path", spec.container_path));
  if (spec.image.empty()) TRYV(CheckPath("mounts.host_path", spec.host_path));
  const std::string target = CleanPath(spec.container_path);
  if (target == "/") return InvalidArgument("mounts.container_path \"/\" would replace the root file system");
  if (!spec.image.empty()) return ImageMount(spec, target, record);
  const std::string where = Cat("mounts.recursive_read_only of ", spec.container_path);
  if (spec.recursive_readonly && !spec.readonly) return InvalidArgument(Cat(where, ": the mount is not readonly"));
  if (spec.recursive_readonly && spec.propagation != Propagation::kPrivate)
    return InvalidArgument(Cat(where, ": needs private propagation"));
  return MountPlan{.kind = MountPlan::Kind::kBind, .host_source = spec.host_path, .target = target,
                   .readonly = spec.readonly, .recursive_readonly = spec.recursive_readonly, .mapped = spec.mapped,
                   .nosuid = spec.nosuid, .nodev = spec.nodev, .noexec = spec.noexec,
                   .propagation = spec.propagation, .options = {}};
}

auto Depth(const MountPlan& mount) { return std::count(mount.target.begin(), mount.target.end(), '/'); }

}  // namespace

std::string CleanPath(const std::string& path) {
  std::string clean = std::filesystem::path(path).lexically_normal().string();
  while (clean.size() > 1 && clean.ends_with('/')) clean.pop_back();
  // POSIX lets "//" mean something else; here it is the root.
  if (clean.starts_with("//")) clean.erase(0, clean.find_first_not_of('/') - 1);
  return clean;
}

Result<std::vector<MountPlan>> BuildMounts(const ContainerRecord& record, const PodContext& pod,
                                           const Defaults& defaults) {
  const ContainerSpec& spec = record.spec;
  std::vector<MountPlan> asked;
  for (const MountSpec& mount : spec.mounts) asked.push_back(TRY(RequestMount(mount, record)));
  std::vector<MountPlan> mounts;
  for (MountPlan& own : OwnMounts(spec.security, pod))
    if (!IsCovered(own.target, asked)) mounts.push_back(std::move(own));
  const size_t own_count = mounts.size();
  for (MountPlan& file : PodFiles(spec.security, pod, defaults)) {
    const bool replaced =
        std::any_of(asked.begin(), asked.end(), [&](const MountPlan& mount) { return mount.target == file.target; });
    if (!replaced) mounts.push_back(std::move(file));
  }
  std::move(asked.begin(), asked.end(), std::back_inserter(mounts));
  std::stable_sort(mounts.begin() + static_cast<ptrdiff_t>(own_count), mounts.end(),
                   [](const MountPlan& a, const MountPlan& b) { return Depth(a) < Depth(b); });
  return mounts;
}

Propagation RootPropagation(const ContainerSpec& spec) {
  Propagation most = Propagation::kPrivate;
  for (const MountSpec& mount : spec.mounts) most = std::max(most, mount.propagation);
  return most;
}

bool IsMountedOver(const ContainerSpec& spec, const std::string& path) {
  return std::any_of(spec.mounts.begin(), spec.mounts.end(), [&](const MountSpec& mount) {
    return IsAtOrBelow(path, CleanPath(mount.container_path));
  });
}

}  // namespace cradle::container
