// Network: attaches a pod's network namespace to the node's CNI network (specification 0.3.1 to 1.1) by running its
// plugins. The network list is the first valid *.conflist, *.conf or *.json by name in conf_dir, which is watched
// (inotify; also its replacement or late arrival). What an ADD did is on disk (`<dir>/<pod>.json`, with the list that
// made it) before the call returns, and a note of the attempt before the first plugin runs, so that the DEL can always
// be made: after a crash, a reboot, or a change of the list. Loopback is set up by ioctl, without a plugin.
//
// Lists of version 1.1 are asked for their STATUS, by the watching thread: when the list changes, and when Ready() is
// called and the last answer is older than ten seconds.
//
// A plugin runs in a process group of its own, with a deadline; past it the group is killed. Its stderr (4 KiB) is in
// the error. Thread safe; calls for different pods run side by side.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"

namespace cradle::cni {

struct Config {
  std::string conf_dir = "/etc/cni/net.d";
  std::vector<std::string> bin_dirs = {"/opt/cni/bin", "/usr/lib/cni"};
  std::string record_dir;          // `<root>/network`
  milliseconds plugin_timeout{60'000};
};

struct PortMapping {
  std::string protocol = "tcp";    // tcp, udp, sctp
  int32_t container_port = 0;
  int32_t host_port = 0;           // never 0 here
  std::string host_ip;
};

struct AddRequest {
  std::string pod_id;
  std::string netns_path;
  std::string ifname = "eth0";
  std::string pod_name, pod_namespace, pod_uid;  // K8S_POD_* in CNI_ARGS
  std::vector<PortMapping> port_mappings;
  // Further capabilities by name ("bandwidth", "ipRanges", "dns"), each a JSON text; plugins get what they declare.
  std::map<std::string, std::string> capabilities = {};
};

struct Attachment {
  std::vector<std::string> ips;    // without prefix length, IPv4 first
};

class Network {
 public:
  static Result<std::unique_ptr<Network>> Open(Config config);
  virtual ~Network() = default;

  // From memory: an OK status, or why pods can't have a network (no list, an invalid one, plugin missing, STATUS).
  virtual Result<> Ready() const = 0;
  virtual Result<Attachment> Add(const AddRequest& request, Deadline deadline) = 0;
  // Idempotent; a pod without record is fine. `netns_path` may be empty or gone. On failure the record stays.
  virtual Result<> Del(const std::string& pod_id, const std::string& netns_path, Deadline deadline) = 0;
  // What Add found, from the record; NOT_FOUND when there is none.
  virtual Result<Attachment> Find(const std::string& pod_id) const = 0;
  // Pods with a record: whoever isn't known to the daemon needs a Del.
  virtual std::vector<std::string> RecordedPods() const = 0;
  // GC: the plugins of today's list (version 1.1, without disableGC) free what no recorded pod holds: addresses and
  // rules whose DEL was lost. Adds wait while it runs, so keep the deadline short. Goes on past a plugin that fails.
  virtual Result<> CollectGarbage(Deadline deadline) = 0;
};

// Sets lo up inside the network namespace (netdevice(7)). Uses a short-lived thread.
Result<> BringUpLoopback(FdRef netns);

}  // namespace cradle::cni
