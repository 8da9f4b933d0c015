// hosts.toml: every server that comes out is one of HTTP, and no header ends a line of ours early.
#include "fuzz.h"
#include "image/hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cradle;
  auto hosts = image::ParseHosts(fuzz::View(data, size), "/etc/cradle/certs.d/r.io", "r.io");
  if (!hosts.ok()) return 0;
  fuzz::Require(!hosts->empty());
  for (const image::RegistryHost& host : *hosts) {
    fuzz::Require(host.scheme == "https" || host.scheme == "http");
    fuzz::Require(!host.host.empty() && host.host.find('/') == std::string::npos && host.dial_timeout.count() >= 0);
    for (const auto& [name, value] : host.headers)
      fuzz::Require((name + value).find_first_of("\r\n") == std::string::npos);
    for (const std::string& file : host.ca) fuzz::Require(file.starts_with('/'));
  }
  return 0;
}
