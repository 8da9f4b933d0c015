// What the services stand on. The daemon makes these and keeps them until the server is gone.
#pragma once

#include <map>
#include <set>
#include <string>

#include "cni/network.h"
#include "image/store.h"
#include "sandbox/runtime.h"
#include "streaming/server.h"

namespace cradle::cri {

// For Version, Status and Debug.Info. Facts are for people ("cgroups": "v1 (hybrid)"); those that
// programs read: "root", "state" and "logs" (the directory for pods that no kubelet made).
struct NodeInfo {
  std::string version;  // of cradle: "0.1.0"
  std::map<std::string, std::string> facts;
  // Why containers run without their default profile though the kernel has AppArmor; a condition of
  // Status then.
  Result<> apparmor;
  cgroups::Driver driver = cgroups::Driver::kCgroupfs;
  std::set<std::string> handlers = {""};  // of pods; "": that of pods that name none
};

struct Backend {
  sandbox::Runtime& runtime;
  image::ImageStore& images;
  const cni::Network& network;
  streaming::Server& streaming;
  NodeInfo node;
};

}  // namespace cradle::cri
