// LaunchPlan and its parts: everything that decides what a container will be, as plain data. The daemon builds a plan
// (pure, golden tests), sends it to the pod's shim in a sealed memfd, and the shim carries it out without deciding
// anything. Paths named "host" are looked up in the host's mount namespace, all others inside the container.
//
// Encode and Decode are each other's inverse; Decode refuses malformed bytes and values out of range.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cradle::container {

enum class PidMode : uint8_t { kContainer, kPod, kNode, kTarget };
enum class Propagation : uint8_t { kPrivate, kSlave, kShared };

// A pod's user namespace: ids 0 to length-1 of its containers are `host` and up of the host's.
struct IdRange {
  uint32_t host = 0;
  uint32_t length = 0;
  bool operator==(const IdRange&) const = default;
};
struct UserNamespace {
  IdRange uids, gids;
  bool operator==(const UserNamespace&) const = default;
};

// What the infra process (cradle-pause) gets. CLONE_NEW* are Linux's bits.
struct PausePlan {
  uint64_t new_namespaces = 0;            // of CLONE_NEWNET, NEWIPC, NEWUTS, NEWPID; NEWNS and NEWCGROUP always
  std::string hostname;                   // set when NEWUTS is new; empty: left alone
  std::vector<std::string> cgroup_join;   // v1 directories: the child writes "0" into each one's tasks
  std::string cgroup_v2;                  // directory for CLONE_INTO_CGROUP, empty: none
  std::vector<std::pair<std::string, std::string>> sysctls;  // "net.ipv4.ip_forward" -> value; checked before
  uint64_t shm_bytes = 64 << 20;          // the pod's /dev/shm: pause's root file system
  std::optional<int> oom_score_adj;
  std::optional<UserNamespace> users;     // a new one, which owns the other new ones
  std::string selinux_label;              // of the process
  std::string mount_label;                // of what is in the pod's /dev/shm

  std::string Encode() const;
  static Result<PausePlan> Decode(std::string_view bytes);
};

struct MountPlan {
  enum class Kind : uint8_t {
    kBind,     // `host_source`, recursively
    kProc, kSysfs, kTmpfs, kDevpts, kMqueue,
    kPodShm,   // the pod's /dev/shm
    kCgroup,   // /sys/fs/cgroup as this container sees it
    kImage,    // `layers` as one tree, of it `image_path`; read-only; the pod's ids
  };
  Kind kind = Kind::kBind;
  std::string host_source;                // kBind: opened once, before any other namespace is entered
  std::string target;                     // absolute; resolved inside the root, made when it isn't there
  bool readonly = false;
  bool recursive_readonly = false;        // AT_RECURSIVE
  std::vector<std::string> layers = {};   // kImage: host paths, topmost first, at least one
  std::string image_path = {};            // kImage: inside the image, absolute, links resolved there
  bool mapped = false;                    // kBind: its files have the pod's ids (MOUNT_ATTR_IDMAP)
  bool nosuid = false, nodev = false, noexec = false;
  Propagation propagation = Propagation::kPrivate;
  std::string options;                    // of the file system: "size=65536k,mode=755"
};

struct DevicePlan {
  std::string path;                       // in the container, absolute
  bool block = false;
  uint32_t major = 0, minor = 0;
  uint32_t mode = 0666;
  uint32_t uid = 0, gid = 0;
};

struct Rlimit {
  int resource = 0;
  uint64_t soft = 0, hard = 0;
};

// Who the process is to be. Names are looked up in the container's own /etc/passwd and /etc/group by its init.
struct UserPlan {
  std::string user;                       // "", "1000", "name"; "" is root
  std::string group;                      // "", "1000", "name"; "" is the user's primary group
  std::vector<uint32_t> supplemental_groups;
  bool strict_groups = false;             // true: /etc/group is not read (SupplementalGroupsPolicy Strict)
};
// What came of it.
struct ResolvedUser {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> groups;           // as set by setgroups(2), the primary gid among them, ascending
};

struct ProcessPlan {
  std::vector<std::string> args;          // never empty; args[0] searched in PATH of env when it has no '/'
  std::vector<std::string> env;           // "K=V"; HOME is added from /etc/passwd when missing
  std::string cwd = "/";                  // made when missing (container), must be there (exec)
  bool terminal = false;
  std::optional<ResolvedUser> resolved;   // exec: set, nothing is looked up
  UserPlan user;
  uint64_t caps_bounding = 0, caps_permitted = 0, caps_effective = 0, caps_inheritable = 0, caps_ambient = 0;
  bool no_new_privs = false;
  std::string seccomp_bpf;                // struct sock_filter[], native byte order; empty: none
  std::string apparmor_profile;           // loaded in the kernel; empty: that of the shim, which is none
  std::string selinux_label;              // "user:role:type:level"; empty: what the policy says
  std::vector<Rlimit> rlimits;
  std::optional<int> oom_score_adj;       // clamped to what is allowed; unset: 0, never the shim's own
};

struct LaunchPlan {
  std::string container_id;               // 64 hex
  std::vector<std::string> cgroup_join;   // as in PausePlan
  std::string cgroup_v2;
  std::string oom_file;                   // v1 memory.oom_control or v2 memory.events: "oom_kill N"; empty: none
  bool oom_below = false;                 // the groups below have a file of that name each, and all count (v1)
  PidMode pid_mode = PidMode::kContainer;
  std::string pid_target;                 // kTarget: container id in this pod
  uint64_t join_namespaces = 0;           // of pause: CLONE_NEWNET, NEWIPC, NEWUTS. Others stay the host's
  std::optional<UserNamespace> users;     // pause's; upper_dir belongs to its root then
  std::vector<std::string> lower_dirs;    // host paths, topmost first, at least one
  std::string upper_dir, work_dir;        // host paths
  bool overlay_volatile = true;
  bool readonly_rootfs = false;
  Propagation root_propagation = Propagation::kPrivate;
  std::vector<MountPlan> mounts;          // in this order
  std::vector<DevicePlan> devices;        // beside the default ones (null zero full random urandom tty ptmx console)
  std::vector<std::string> masked_paths, readonly_paths;
  std::vector<std::string> volume_dirs;   // made when missing: the image's VOLUMEs
  std::string mount_label;                // SELinux's, of what is in the root and in the file systems made here
  ProcessPlan process;
  bool keep_stdin = false;                // a pipe that stays open for attach; else /dev/null
  bool stdin_once = false;
  std::string log_path;                   // host; empty: output is read and dropped
  // Where the container's own figures are, for its /proc views (cgroups::FigurePlaces); empty: no views.
  std::vector<std::pair<std::string, std::string>> view_places;

  std::string Encode() const;
  static Result<LaunchPlan> Decode(std::string_view bytes);
};

struct ExecPlan {
  std::string container_id;
  std::string cgroup_v2;                  // a child cgroup of the container's for this exec, made by the daemon
  std::vector<std::string> cgroup_join;   // the container's own v1 directories
  ProcessPlan process;                    // user is ignored: the container's resolved one is taken
  std::optional<UserNamespace> users;     // the container's
  uint64_t timeout_ms = 0;                // 0: none
  uint64_t output_limit = 16 << 20;       // bytes kept of each stream; the rest is read and dropped
  std::string input;                      // on stdin; empty: /dev/null

  std::string Encode() const;
  static Result<ExecPlan> Decode(std::string_view bytes);
};

}  // namespace cradle::container
