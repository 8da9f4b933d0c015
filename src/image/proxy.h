// Proxies, as the environment names them and as Go's programs read it: HTTP_PROXY for http, HTTPS_PROXY for https,
// NO_PROXY for what is asked directly; the lower-case names count first. Pure, but for ProxyEnvironment.
#pragma once

#include <string>

namespace cradle::image {

struct Proxies {
  std::string http, https;  // URLs; empty: none
  // Separated by commas: "*", "host", ".domain" (and "domain", which means its subdomains too), an address, a range
  // like 10.0.0.0/8; a port may stand behind a name.
  std::string except;
};
Proxies ProxyEnvironment();

// The proxy for a URL; empty: none. This machine is never asked by way of a proxy.
std::string ProxyFor(const std::string& url, const Proxies& proxies);

}  // namespace cradle::image
