// SessionPlan: what the daemon hands to a pod's shim with an accepted socket: everything that was negotiated in the
// request's head, and what is to be run. The shim sends `answer` and is the server of that connection from then on.
// Encode and Decode are each other's inverse; Decode refuses malformed bytes and values out of range.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cradle::streaming {

enum class Kind : uint8_t { kExec = 1, kAttach = 2, kPortForward = 3 };

// What the bytes after the answer are.
enum class Wire : uint8_t {
  kSpdy = 1,
  kWebSocket = 2,  // channels
  kTunnel = 3,     // SPDY in binary WebSocket messages
};

// Which streams an exec or attach has.
struct Streams {
  bool in = false, out = false, err = false, tty = false;
};

struct SessionPlan {
  Kind kind = Kind::kExec;
  Wire wire = Wire::kSpdy;
  std::string protocol;         // as negotiated: "v4.channel.k8s.io", "portforward.k8s.io", ""
  std::string answer;           // the HTTP head that accepts
  std::string leftover;         // what came after the request's head
  Streams streams;              // exec, attach
  std::string container;        // exec, attach
  std::string exec;             // an encoded container::ExecPlan
  std::vector<uint16_t> ports;  // port-forward by WebSocket channels
  uint64_t idle_ms = 0;         // ends after so long without data; 0: never

  std::string Encode() const;
  static Result<SessionPlan> Decode(std::string_view bytes);
};

}  // namespace cradle::streaming
