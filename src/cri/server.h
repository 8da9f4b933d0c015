// Server: the gRPC server on its unix socket, with the CRI's services and the debug service. The
// daemon owns it; what `backend` names outlives it, and so does the socket's directory. Start and
// Shutdown are the main thread's; requests come in on gRPC's own.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "cri/backend.h"

namespace cradle::cri {

class Server {
 public:
  // Listens; the socket is root's, 0660. A socket file that nobody listens on is replaced; one that
  // somebody does is an error (ALREADY_EXISTS). Messages up to 16 MiB both ways. Keeps gRPC from
  // following forks.
  static Result<std::unique_ptr<Server>> Start(const std::string& socket_path, Backend backend);
  // Shuts down at once unless Shutdown came before.
  virtual ~Server() = default;

  // Takes no new calls, lets those under way end until the deadline, then cancels them (their work
  // goes on in the runtime) and removes the socket. Returns when no call is left.
  virtual void Shutdown(Deadline deadline) = 0;
};

}  // namespace cradle::cri
