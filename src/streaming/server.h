// Server: where streaming clients (the kubelet's proxy, crictl) connect to: HTTP on a loopback address, one URL per
// session. It reads the request's head, redeems the token, negotiates, and hands the connection on; a session's bytes
// never come through here. One thread for the heads, a few for handing over. Nobody waits for a client: a head must be
// complete within kHeadTime.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "streaming/tls_files.h"
#include "streaming/tokens.h"

namespace cradle::streaming {

struct ServerConfig {
  std::string address = "127.0.0.1";  // an IP address
  uint16_t port = 0;                  // 0: any
  milliseconds idle{4 * 3600 * 1000}; // sessions without data end after it; 0: never
  TlsFiles tls;                       // with it sessions go through this process, and end with it
};

class Server {
 public:
  static Result<std::unique_ptr<Server>> Start(ServerConfig config);
  // Connections that weren't handed over end. Waits for hand-overs under way.
  virtual ~Server() = default;
  // A URL for one session: "http://127.0.0.1:38211/exec/<token>", or https. Any thread.
  virtual Result<std::string> Issue(Grant grant) = 0;
};

}  // namespace cradle::streaming
