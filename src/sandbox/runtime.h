// Runtime: the node's pods and containers, and everything that can be asked of them. The cri layer's only door.
//
// Threads: every call returns at once. Calls that do something take a callback, which runs once, on any thread; work
// for one pod is done in its own queue, and pods never wait for each other. List and Find read snapshots in memory:
// no lock is held across I/O, and they never wait for a shim, a mount, a plugin or another pod. Teardown runs on its
// own deadlines, never on the caller's.
//
// Errors: INVALID_ARGUMENT and FAILED_PRECONDITION name the field and the value; NOT_FOUND the id.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "cgroups/cgroups.h"
#include "cni/network.h"
#include "container/build_plan.h"
#include "container/spec.h"
#include "image/store.h"
#include "sandbox/events.h"
#include "sandbox/injection.h"
#include "sandbox/readings.h"
#include "sandbox/spec.h"
#include "shim/client.h"
#include "streaming/plan.h"

namespace cradle::sandbox {

// What pods get whose RuntimeClass names it.
struct Handler {
  container::Views views = container::Views::kOff;  // unless the pod's annotation says otherwise
};

struct Config {
  std::string root, state;               // /var/lib/cradle, /run/cradle
  std::string shim_program;              // libexec/cradle/cradle-shim
  std::string netns_dir = "/run/netns";
  int max_parallel_starts = 32;
  container::Defaults defaults;
  bool devices_to_user = false;          // see container::NodeFacts
  CdiConfig cdi;
  std::map<std::string, Handler> handlers = {{"", {}}};  // "": of pods that name none
};

// What a pod is at one moment. Immutable; a change makes a new one.
struct PodView {
  PodRecord record;
  bool ready = false;
  std::vector<std::string> ips;
  std::string netns_path;                // empty: the host's
  pid_t pause_pid = 0;
  pid_t shim_pid = 0;
  std::vector<std::pair<std::string, int64_t>> laps;  // steps of RunPodSandbox, microseconds
};

enum class State { kCreated, kRunning, kExited, kUnknown };

struct ContainerView {
  std::shared_ptr<const container::ContainerRecord> record;
  State state = State::kCreated;
  pid_t pid = 0;
  int64_t started_at = 0;
  container::ExitRecord exit;            // when state is kExited
  container::ResolvedUser user;
  cgroups::Limits limits;                // as applied
  int stop_signal = 15;
  std::vector<std::pair<std::string, int64_t>> laps;  // steps of CreateContainer, microseconds
};

using PodPtr = std::shared_ptr<const PodView>;
using ContainerPtr = std::shared_ptr<const ContainerView>;

template <class T = void>
using Done = std::function<void(Result<T>)>;

class Runtime {
 public:
  // `images`, `network`, `groups` outlive it. Recovers what is on disk and in the kernel before it returns; a corrupt
  // or missing record is set aside and told in the log, never an error.
  static Result<std::unique_ptr<Runtime>> Start(Config config, image::ImageStore& images, cni::Network& network,
                                                cgroups::Cgroups& groups);
  // Leaves pods running. Waits for work under way: Drain first.
  virtual ~Runtime() = default;
  // Whether a process of this number is a container's first one whose end isn't known yet: it must not be reaped.
  virtual bool Awaits(pid_t pid) const = 0;
  // Waits until no work is under way; false at the deadline.
  virtual bool Drain(Deadline deadline) = 0;

  // The same spec again joins the call under way or gives the existing id; another spec with the same key is
  // ALREADY_EXISTS.
  virtual void RunPod(PodSpec spec, Done<PodId> done) = 0;
  // Kills everything at once, DEL, NOTREADY. An unknown pod is fine.
  virtual void StopPod(const std::string& id, Done<> done) = 0;
  virtual void RemovePod(const std::string& id, Done<> done) = 0;

  virtual void CreateContainer(const std::string& pod, container::ContainerSpec spec, Done<ContainerId> done) = 0;
  virtual void StartContainer(const std::string& id, Done<> done) = 0;
  // Signal, then after `grace` the whole cgroup is killed. Done when it is EXITED. An unknown container is fine.
  virtual void StopContainer(const std::string& id, milliseconds grace, Done<> done) = 0;
  virtual void RemoveContainer(const std::string& id, Done<> done) = 0;
  // Changes what is set in `change`, all of it or nothing, of a container that is CREATED or RUNNING. FAILED_PRECONDITION for
  // a limit below what is in use.
  virtual void UpdateContainer(const std::string& id, cgroups::Limits change, Done<> done) = 0;
  // What is set replaces what was remembered.
  virtual void UpdatePod(const std::string& id, PodResources change, Done<> done) = 0;
  virtual void ReopenLog(const std::string& id, Done<> done) = 0;
  // `timeout` 0: none. A timeout is kDeadlineExceeded. `stop` kills the command.
  virtual void ExecSync(const std::string& id, std::vector<std::string> command, milliseconds timeout, std::stop_token stop,
                        Done<shim::ExecResult> done) = 0;
  // Hands a client's connection to the shim of the container (exec, attach) or pod (port-forward) `id`; `command`: of an
  // exec. Blocks for the shim's answer. On an error nothing was sent to the client.
  virtual Result<> Stream(const std::string& id, std::vector<std::string> command, streaming::SessionPlan plan,
                          FdRef socket) = 0;

  virtual std::vector<PodPtr> ListPods() const = 0;
  virtual std::vector<ContainerPtr> ListContainers() const = 0;
  // By id or a unique prefix of it. NOT_FOUND; INVALID_ARGUMENT when several match or it can't be an id.
  virtual Result<PodPtr> FindPod(std::string_view id) const = 0;
  virtual Result<ContainerPtr> FindContainer(std::string_view id) const = 0;

  // From the kernel's files, one open and read each; for ContainerStats.
  virtual Result<cgroups::Stats> ReadStats(const ContainerView& container) const = 0;
  // A folder on the writable layers' file system and, from a walk that is at most some seconds old, this one's size.
  struct LayerUsage { std::string dir; uint64_t bytes = 0, inodes = 0; int64_t wall_nanos = 0; };
  virtual LayerUsage WritableLayer(const ContainerView& container) const = 0;

  // Of everything below the pod's cgroup parent, from the kernel's files too; so are the next four.
  virtual Result<cgroups::Stats> ReadPodStats(const PodView& pod) const = 0;
  virtual Result<cgroups::Counters> ReadCounters(const ContainerView& container) const = 0;
  virtual Result<size_t> CountProcesses(const std::string& cgroup) const = 0;
  // None of a pod on the host's network.
  virtual std::vector<Interface> ReadNetwork(const PodView& pod) const = 0;
  virtual Result<Filesystem> LayerFilesystem() const = 0;
  // From a walk that is at most some seconds old.
  virtual OpenFiles CountOpen(const ContainerView& container) const = 0;

  // The OCI runtime specification of what was made (container/runtime_spec.h). Looks at devices: not for every list.
  virtual Result<std::string> RuntimeSpec(const ContainerView& container) const = 0;
  virtual std::string PodRuntimeSpec(const PodView& pod) const = 0;

  // Tells every event from now on, and first what nobody was there to hear (events.h).
  virtual std::unique_ptr<Events::Watch> WatchEvents(Events::Listener listener) = 0;
  // An error says why the node has none.
  virtual Result<> UserNamespaces() const = 0;

  // Blocking work of the edge (pulls, statistics) runs here.
  virtual ThreadPool& pool() = 0;
};

}  // namespace cradle::sandbox
