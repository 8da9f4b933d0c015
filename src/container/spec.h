// What was asked for: a container as the CRI request says, checked and free of protobuf, and the record of it on disk.
// The cri layer makes a ContainerSpec; everything in it but image contents comes from the kubelet. The image's part
// (ImageConfig) is hostile.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "cdi/edits.h"
#include "cgroups/cgroups.h"
#include "container/plan.h"
#include "container/selinux.h"
#include "image/store.h"

namespace cradle::container {

using StringMap = std::map<std::string, std::string>;

struct MountSpec {
  std::string container_path;
  std::string host_path;
  bool readonly = false;
  bool recursive_readonly = false;
  bool mapped = false;  // its files have the pod's ids
  bool selinux_relabel = false;
  Propagation propagation = Propagation::kPrivate;
  bool noexec = false, nodev = false, nosuid = false;
  std::string image = {};           // instead of host_path: mounted read-only
  std::string image_sub_path = {};  // relative; empty: the image's root
};

struct DeviceSpec {
  std::string container_path;
  std::string host_path;
  std::string permissions;  // of "rwm"
  // What a CDI specification says instead of the host's node (cdi::DeviceNode).
  std::string type = {};
  int64_t major = 0, minor = 0;
  std::optional<uint32_t> mode = {}, uid = {}, gid = {};
};

struct SeccompSpec {
  enum class Type : uint8_t { kUnconfined, kRuntimeDefault, kLocalhost };
  Type type = Type::kUnconfined;
  std::string localhost_path;  // absolute, on the node
};

struct AppArmorSpec {
  enum class Type : uint8_t { kRuntimeDefault, kUnconfined, kLocalhost };
  Type type = Type::kRuntimeDefault;
  std::string profile;  // kLocalhost: its name, as the kernel knows it
};

struct SecuritySpec {
  bool privileged = false;
  std::optional<int64_t> run_as_user, run_as_group;  // 0 to 2^32-2, checked
  std::string run_as_username;
  std::vector<uint32_t> supplemental_groups;
  bool strict_groups = false;
  bool readonly_rootfs = false;
  bool no_new_privs = false;
  std::vector<std::string> caps_add, caps_drop, caps_ambient;  // without "CAP_", upper case; "ALL"
  std::vector<std::string> masked_paths, readonly_paths;       // as given; these replace the defaults
  SeccompSpec seccomp;
  AppArmorSpec apparmor;
  SelinuxOptions selinux;
  PidMode pid_mode = PidMode::kPod;
  std::string pid_target;        // container id
  bool host_network = false, host_ipc = false;
};

struct ContainerSpec {
  std::string name;
  uint32_t attempt = 0;
  std::string image;                 // ImageSpec.image: what to make it from
  std::string user_specified_image;
  std::string image_runtime_handler;
  std::vector<std::string> command, args;
  std::string working_dir;
  std::vector<std::string> env;      // "K=V"; values may be any bytes but NUL
  std::vector<MountSpec> mounts;
  std::vector<DeviceSpec> devices;
  std::vector<std::string> cdi_devices;  // by name, each once
  StringMap labels, annotations;     // returned byte for byte
  std::string log_path;              // relative to the pod's log directory, or empty
  bool stdin_open = false, stdin_once = false, tty = false;
  SecuritySpec security;
  cgroups::Limits limits;
  int64_t oom_score_adj = 0;         // 0: left alone
  std::string stop_signal;           // "" or a name such as "SIGTERM"

  // Two requests for the same container: equal but for nothing.
  std::string Fingerprint() const;
};

// The image's part of a container, fixed at its creation.
struct ImagePart {
  std::string id;             // "sha256:..."
  std::string ref;            // what status reports as image_ref: a repo digest when there is one, else the id
  image::ImageConfig config;
  std::vector<std::string> layer_dirs;
};

// An image mounted as a volume, fixed at the container's creation.
struct VolumeImage {
  std::string image;  // MountSpec::image
  std::string id;
  std::vector<std::string> layer_dirs;
};

// On disk: `<root>/containers/<id>/container.json`, written once before the first kernel object exists.
struct ContainerRecord {
  ContainerId id;
  PodId pod;
  ContainerSpec spec;         // with what its CDI devices change in it
  std::string asked;          // the request's own fingerprint, when that isn't the spec's
  std::vector<cdi::Hook> hooks;
  ImagePart image;
  std::vector<VolumeImage> volume_images;
  std::string cgroup;         // path of the container's group
  std::string log_path;       // absolute host path, or empty
  int64_t created_at = 0;     // ns
  std::string boot_id;        // of the boot it was made in

  std::string ToJson() const;
  static Result<ContainerRecord> FromJson(std::string_view text);  // untrusted: a file may be corrupt
};

// On disk beside it once its limits were changed: limits.json, whole.
std::string LimitsToJson(const cgroups::Limits& limits);
Result<cgroups::Limits> LimitsFromJson(std::string_view text);

// On disk beside it once the container is over: exit.json.
struct ExitRecord {
  int exit_code = 0;
  int signal = 0;
  bool oom_killed = false;
  bool start_failed = false;
  int64_t started_at = 0, finished_at = 0;
  std::string message;
  std::string reason;         // Completed, Error, OOMKilled, StartError, Unknown

  std::string ToJson() const;
  static Result<ExitRecord> FromJson(std::string_view text);
};

}  // namespace cradle::container
