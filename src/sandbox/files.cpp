#include "sandbox/files.h"

#include "base/sys/file.h"

namespace cradle::sandbox {
namespace {

constexpr size_t kMaxFile = 1 << 20;

constexpr std::string_view kHosts =
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "fe00::0\tip6-mcastprefix\n"
    "fe00::1\tip6-allnodes\n"
    "fe00::2\tip6-allrouters\n";

std::string Join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += Cat(" ", word);
  return out;
}

}  // namespace

Result<std::string> EffectiveHostname(const PodSpec& spec) {
  if (!spec.hostname.empty()) return spec.hostname;
  std::string name = TRY(sys::ReadFile(kCwd, "/proc/sys/kernel/hostname", 256));
  while (!name.empty() && name.back() == '\n') name.pop_back();
  return name;
}

std::string RenderResolvConf(const DnsSpec& dns) {
  std::string out;
  if (!dns.searches.empty()) out += Cat("search", Join(dns.searches), "\n");
  for (const std::string& server : dns.servers) out += Cat("nameserver ", server, "\n");
  if (!dns.options.empty()) out += Cat("options", Join(dns.options), "\n");
  return out;
}

Result<PodFiles> RenderPodFiles(const PodSpec& spec, const std::vector<std::string>& ips) {
  PodFiles files;
  std::string hostname = TRY(EffectiveHostname(spec));
  files.hostname = hostname + "\n";
  if (spec.host_network) {
    files.hosts = TRY(sys::ReadFile(kCwd, "/etc/hosts", kMaxFile));
  } else {
    files.hosts = kHosts;
    for (const std::string& ip : ips) files.hosts += Cat(ip, "\t", hostname, "\n");
  }
  if (spec.dns) files.resolv_conf = RenderResolvConf(*spec.dns);
  // A node without resolv.conf is a node without DNS, not an error.
  if (files.resolv_conf.empty())
    if (auto own = sys::ReadFile(kCwd, "/etc/resolv.conf", kMaxFile); own.ok()) files.resolv_conf = *own;
  return files;
}

}  // namespace cradle::sandbox
