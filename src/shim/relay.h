// Relay: a thread between the main thread and the pipes of one command. Whoever has a pipe open can hold its lock:
// sendfile(2) and splice(2) into it, and write(2) from mapped memory, wait inside the lock for what the bytes come from,
// and that may be a dead server, a FUSE that never answers, or a view that the main thread is about to answer. Then
// read(2), write(2) and close(2) of the pipe wait too, and no signal ends that. So the main thread has sockets; who
// waits is a thread that the command has for itself.
//
// Main thread, until Start; the thread ends by itself, when every lane has. A lane ends, and both its descriptors are
// closed, when all is moved that comes, or nobody takes it.
#pragma once

#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace cradle::shim {

class Relay {
 public:
  struct Ends {
    UniqueFd theirs;  // of a pipe
    UniqueFd ours;    // a socket, non-blocking
  };
  // Ours gives what they write, to the end: all of theirs are closed, or ours is shut down for writing: then what the
  // pipe holds at that moment still comes.
  Result<Ends> AddOutput();
  // They read what is written to ours, and its end.
  Result<Ends> AddInput();
  // The same into a pipe that is there, by its writing end.
  Result<UniqueFd> AddInputTo(UniqueFd pipe);
  // Once.
  Result<> Start();

 private:
  struct Lane {
    UniqueFd from, to;               // non-blocking
    bool full = false;               // `to` was
    std::optional<size_t> left = {};  // no more than so many bytes are moved
  };
  static void Run(std::vector<Lane>& lanes);
  static bool Move(Lane& lane, short to);

  std::vector<Lane> lanes_;
};

}  // namespace cradle::shim
