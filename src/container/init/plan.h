// The child's plan: everything that happens between clone and exec, as plain data. The launcher
// (shim/launch) fills it before the clone; the child owns a copy of the whole address space, so
// pointers stay good and the few fields marked "child's" may be written. Nothing here allocates or
// owns; descriptors belong to the launcher (in the parent) and are closed by exec or exit (in the
// child).
//
// The child's dialect, for everything in this folder: noexcept functions, no allocation, no stdio,
// no locale, no glibc call that speaks to other threads (setresuid(3) and its kin do: they wait for
// threads that don't exist here). An Outcome names the step that failed; the driver (run.cpp) sends
// it to the shim and exits with 127.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace cradle::init {

enum class Role : uint8_t { kPause, kContainer, kExec };
enum class Propagation : uint8_t { kPrivate, kSlave, kShared };
enum class MountKind : uint8_t { kBind, kProc, kSysfs, kTmpfs, kDevpts, kMqueue, kPodShm, kCgroup, kImage };
// How overlayfs is told its layers: by descriptor (Linux 6.13), one name each (6.7), one short
// string, or mount(2) in a copy of the host's mount namespace. The child goes on to the next where
// the kernel refuses one.
enum class OverlayCall : uint8_t { kDescriptors, kNames, kString, kMount };

inline constexpr size_t kMaxGroups = 1024;
inline constexpr size_t kMaxPath = 4096;

// An option of a file system; value null: a flag.
struct Option {
  const char* key;
  const char* value;
};

struct Mount {
  MountKind kind;
  const char* source;   // kBind: in the host's mount namespace; kImage: the path inside the image
  const char* target;   // absolute, in the container
  uint64_t attributes;  // MOUNT_ATTR_*; those of the source stay too
  bool recursive_readonly;
  bool mapped;  // kBind and kImage: its ids are those of the pod's user namespace; what is mounted below it keeps its own
  Propagation propagation;
  std::span<const Option> options;
  std::span<const char* const> layers;  // kImage: topmost first
  int tree;  // child's: the detached mount, when it is made before the root is entered
};

// One cgroup hierarchy as /sys/fs/cgroup shows it.
struct CgroupMount {
  const char* name;  // of its directory: "cpu,cpuacct", "unified"
  bool v2;
  bool whole;                          // v2 alone: mounted on the target itself
  std::span<const Option> options;     // what selects it
  std::span<const char* const> links;  // "cpu" and "cpuacct" lead to it
};

struct Device {
  const char* path;
  uint32_t mode;  // with S_IFCHR or S_IFBLK
  uint64_t device;
  uint32_t uid, gid;
};

// A file of the views' file system and the kernel's file that it covers: `path` below `mount`.
struct ViewFile {
  const char* name;
  const char* mount;
  const char* path;
};

struct Rlimit {
  int resource;
  uint64_t soft, hard;
};

struct User {
  const char* user;   // "", digits or a name
  const char* group;  // "", digits or a name; "" is the user's
  std::span<const uint32_t> supplemental;
  bool strict;
  bool resolved;  // uid, gid and groups below hold; nothing is looked up but HOME
  uint32_t uid, gid;
  std::span<const uint32_t> groups;
};

struct Capabilities {
  uint64_t bounding, permitted, effective, inheritable, ambient;
};

// A pod's user namespace. One range of ids each, beginning with its root.
struct UserNamespace {
  int fd = -1;                      // of a container
  uint64_t born = 0;                // of a container: CLONE_NEWPID when it has its own pid namespace
  int pid_namespace_of = -1;        // of a container: pidfd, or -1
  uint32_t uid = 0, gid = 0;        // of its root, in the host's numbers
  uint32_t uid_count = 0, gid_count = 0;
};

struct Plan {
  Role role = Role::kContainer;
  int report = -1;              // SOCK_SEQPACKET
  int gate = -1;                // read end; -1: no gate. Of pause: until its user namespace has its ids
  std::span<const int> keep;    // ascending, above 2: every other descriptor is closed first
  int stdio[3] = {-1, -1, -1};  // -1: the container's /dev/null

  std::span<const int> cgroup_files;  // "0" is written to each: tasks (v1), cgroup.procs (v2)
  int oom_score_adj = 0;
  int namespaces_of = -1;   // pidfd
  int join_namespaces = 0;  // CLONE_NEW*
  const UserNamespace* users = nullptr;

  // Pause.
  bool pid_namespace = false;  // a new one, whose PID 1 is a child of pause
  const char* hostname = nullptr;
  std::span<const Option> sysctls;  // path below /proc/sys, value
  const char* shm_size = nullptr;   // bytes, decimal
  int program = -1;

  // Container.
  std::span<const char* const> lower_dirs;  // topmost first
  const char* upper_dir = nullptr;
  const char* work_dir = nullptr;
  bool overlay_volatile = true;
  OverlayCall overlay_call = OverlayCall::kDescriptors;
  bool readonly_root = false;
  Propagation root_propagation = Propagation::kPrivate;
  std::span<Mount> mounts;
  std::span<const CgroupMount> cgroups;
  bool make_devices = false;  // /dev is a tmpfs of the container's own
  std::span<const Device> devices;
  int views = -1;  // a FUSE file system, attached nowhere; -1: no views
  std::span<const ViewFile> view_files;
  bool attach_views = false;  // without trying what only newer kernels can
  std::span<const char*const> masked_paths, readonly_paths, directories;

  // Process.
  bool terminal = false;
  char** args = nullptr;
  char** env = nullptr;  // with a free slot before its null when home_slot >= 0
  int home_slot = -1;
  const char* search_path = nullptr;
  const char* cwd = "/";
  User user{};
  Capabilities capabilities{};
  bool no_new_privs = false;
  const void* filter = nullptr;  // sock_filter[]
  uint16_t filter_length = 0;
  std::span<const Rlimit> rlimits;
  const char* apparmor = nullptr;  // "exec PROFILE", as the kernel wants to be told
  const char* selinux = nullptr;   // the process's label

  const char* mount_label = nullptr;  // SELinux's, of what is in the file systems made here
};

// What failed. The text for each is the launcher's (shim/launch_report).
enum class Step : uint32_t {
  kNone,
  kSetup,  // what: the call
  kAppArmor,  // what: "exec PROFILE"
  kSelinux,   // what: the label
  kCgroup,
  kNamespaces,
  kHostname,  // what: the name
  kSysctl,    // what: path, at: value
  kShm,
  kBindSource,  // what: host path, at: target
  kMapIds,      // what: host path, at: target
  kNotShared,   // what: host path, at: target
  kNotSlave,    // what: host path, at: target
  kOverlay,     // what: option or path
  kImagePath,   // what: path inside the image, at: target
  kImage,       // what: layer or call, at: target
  kRoot,        // what: the call
  kMount,       // what: source or type, at: target
  kDevice,      // what: path
  kTerminal,    // what: the call
  kView,        // what: path
  kMask,        // what: path
  kReadonly,    // what: path
  kDirectory,   // what: path
  kUser,        // what: name
  kGroup,       // what: name
  kUserFile,    // what: path
  kTooManyGroups,
  kRlimit,
  kPrivileges,  // what: the call
  kSeccomp,
  kWorkingDirectory,  // what: path
  kStdio,
  kNotInPath,  // what: args[0]
  kExec,       // what: path
};

// The packets on `report`. kReady is followed by groups x u32 (and carries the terminal's master by
// SCM_RIGHTS); kFailed by what, a zero byte, at. kBorn comes first, of a container in a user
// namespace: the process is `pid` from here on (its pidfd by SCM_RIGHTS), and the first one exits.
enum class Packet : uint32_t { kReady = 1, kFailed = 2, kBorn = 3 };
struct PacketHead {
  Packet kind;
  Step step = Step::kNone;
  int32_t err = 0;
  uint32_t uid = 0, gid = 0, groups = 0;
  int32_t pid = 0;
};
inline constexpr size_t kMaxDetail = 2 * 1024;  // bytes of what, and of at
inline constexpr size_t kMaxPacket = sizeof(PacketHead) + 4 * kMaxGroups + 2 * kMaxDetail;

// clone3(2), fork style, exit signal SIGCHLD, CLONE_PIDFD added. In the child: runs the plan, never
// returns. In the parent: the pid, or -1 and errno. `cgroup`: for CLONE_INTO_CGROUP, or -1.
int Spawn(const Plan& plan, uint64_t flags, int cgroup, int* pidfd) noexcept;

}  // namespace cradle::init
