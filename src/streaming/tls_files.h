// Where the streaming server's certificate lies.
#pragma once

#include <string>

namespace cradle::streaming {

struct TlsFiles {
  std::string certificate;  // PEM, with the chain; empty: no TLS
  std::string key;          // PEM
  std::string client_ca;    // PEM: clients need a certificate of one of these; empty: any client may come
  bool enabled() const { return !certificate.empty(); }
};

}  // namespace cradle::streaming
