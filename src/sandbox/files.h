// The files that a pod gives its containers: /etc/hosts, /etc/hostname, /etc/resolv.conf.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/spec.h"

namespace cradle::sandbox {

struct PodFiles {
  std::string hosts, hostname, resolv_conf;
};

// Reads the node's own files where the pod has nothing of its own (host network, no DNS configuration).
Result<PodFiles> RenderPodFiles(const PodSpec& spec, const std::vector<std::string>& ips);
// The pod's host name: as asked, else the node's.
Result<std::string> EffectiveHostname(const PodSpec& spec);
// resolv.conf(5) of a DNS configuration. Pure.
std::string RenderResolvConf(const DnsSpec& dns);

}  // namespace cradle::sandbox
