// Hosts: which servers to ask for a registry's images, in which order and how: containerd's hosts.toml, read at each
// pull. Folders looked for below the configured one: HOST_PORT_, HOST:PORT, _default. Without a hosts.toml, *.crt,
// *.cert and *.key of the folder apply, as docker has it. The last server is the registry itself.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace cradle::image {

struct RegistryHost {
  std::string scheme;  // "https" or "http"
  std::string host;    // with the port, if one is stated
  std::string path;    // "/v2", or what override_path says
  bool pull = true, resolve = true;  // resolve: may turn a tag into a digest
  bool fallback = false;     // asked only when the one before it doesn't speak its protocol
  bool skip_verify = false;
  std::vector<std::string> ca;                               // files
  std::vector<std::pair<std::string, std::string>> client;   // certificate and key files; the key may be empty
  std::vector<std::pair<std::string, std::string>> headers;
  milliseconds dial_timeout = seconds(30);

  std::string Origin() const { return scheme + "://" + host; }
};

Result<std::vector<RegistryHost>> HostsFor(const std::string& config_path, const std::string& registry);

// The text of a hosts.toml in `dir`, for `registry`. Unlike containerd, which then goes on without it, a file that can't
// be read is an error: mirrors and certificates are there for a reason.
Result<std::vector<RegistryHost>> ParseHosts(std::string_view text, const std::string& dir, const std::string& registry);

}  // namespace cradle::image
