// Where things lie on disk. Pure. Everything of a pod or container is named by its id, and the directory named by the
// id is made first and removed last: nothing of a pod can exist without it.
#pragma once

#include <string>

#include "base/ids.h"

namespace cradle::sandbox {

struct Paths {
  std::string root, state, netns_dir;

  // On disk, survives a reboot.
  std::string pods() const { return root + "/pods"; }
  std::string pod(const PodId& id) const { return pods() + "/" + id.str(); }
  std::string containers() const { return root + "/containers"; }
  std::string container(const ContainerId& id) const { return containers() + "/" + id.str(); }
  std::string upper(const ContainerId& id) const { return container(id) + "/upper"; }
  std::string work(const ContainerId& id) const { return container(id) + "/work"; }
  std::string trash() const { return root + "/trash"; }
  std::string quarantine() const { return root + "/quarantine"; }

  // On tmpfs, of this boot.
  std::string run_pods() const { return state + "/pods"; }
  std::string run(const PodId& id) const { return run_pods() + "/" + id.str(); }
  std::string shim_socket(const PodId& id) const { return run(id) + "/shim.sock"; }
  std::string netns(const PodId& id) const { return netns_dir + "/cradle-" + id.str(); }
};

// File names below pod(), container() and run().
inline constexpr char kPodFile[] = "pod.json";
inline constexpr char kStoppedFile[] = "stopped";      // pod(): holds one of the next two
inline constexpr char kStopBegun[] = "begun";
inline constexpr char kStopDone[] = "done";
inline constexpr char kContainerFile[] = "container.json";
inline constexpr char kResourcesFile[] = "resources.json";  // pod(): once they were updated
inline constexpr char kLimitsFile[] = "limits.json";   // container(): once they were updated
inline constexpr char kExitFile[] = "exit.json";       // container()
inline constexpr char kReadyFile[] = "ready";          // run(): RunPodSandbox was finished

}  // namespace cradle::sandbox
