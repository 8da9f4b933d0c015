// Pump: one container's output on its way into its log file. Pipes (or a terminal's master) are read, framed and
// written by the pod's log thread; nothing is buffered beyond one unfinished line per stream, so a slow disk fills the
// pipe and holds up the writer, and nobody else. What is under way lies in the journal: a successor goes on from there.
//
// Made and dropped by any thread; Open, Reopen, Finish and the taps run on the log thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/fd.h"
#include "base/result.h"
#include "logs/framing.h"
#include "logs/journal.h"
#include "logs/log_file.h"
#include "logs/tap.h"

namespace cradle::logs {

class Pump {
 public:
  // Reading ends of the container's pipes, non-blocking.
  Pump(UniqueFd out, UniqueFd err);
  // A terminal's master, non-blocking. `peer`: its other end, held so that a moment in which the container has it open
  // nowhere is no hangup.
  struct Terminal {
    UniqueFd master;
    UniqueFd peer;
  };
  explicit Pump(Terminal terminal);

  // Its place in the journal: once it is open, or before, for one that goes on in its predecessor's.
  std::optional<uint32_t> slot() const { return slot_; }
  void SetSlot(uint32_t slot) {
    slot_ = slot;
    resumed_ = true;
  }

  // Opens the log file, finishes what a predecessor had begun, and starts to read. On an error nothing has happened; it
  // may be tried again. One that goes on in its predecessor's place goes on in any case, without a file if need be: who
  // writes must not be held up, and what was begun must be out of the way.
  Result<> Open(EventLoop& loop, Journal& journal, const std::string& path);
  Result<> Reopen();
  // The main process is gone and what was left of its cgroup is killed: reads to the end of both streams, at the latest
  // until `deadline` (somebody else may hold the pipes open), closes everything and calls `done` with the bytes lost.
  void Finish(Deadline deadline, std::function<void(uint64_t)> done);
  // From now on `tap` gets what is read, until it is removed, overflows or the streams end.
  void AddTap(std::shared_ptr<Tap> tap);
  void RemoveTap(const Tap* tap);

 private:
  struct Source {
    explicit Source(Stream which) : stream(which), framer(which) {}
    Stream stream;
    UniqueFd fd;
    EventLoop::Watch watch;  // after fd: removed before it is closed
    Framer framer;
  };
  enum class Turn { kMore, kIdle, kEnded };

  void OnReadable(Source& source);
  Turn ReadOnce(Source& source);
  void Resume();
  void Put(Source& source, std::string_view data, size_t fed = 0);
  void Write(Source& source, const RecordBuffer& records, size_t fed);
  void End(Source& source);
  void Drain(Source& source);
  void CompleteWhenEnded();
  void Complete();

  Source sources_[kStreams] = {Source(Stream::kStdout), Source(Stream::kStderr)};
  UniqueFd peer_;
  EventLoop* loop_ = nullptr;
  Journal* journal_ = nullptr;
  std::optional<uint32_t> slot_;
  bool resumed_ = false;
  std::optional<LogFile> file_;
  Stamp stamp_;
  std::vector<std::shared_ptr<Tap>> taps_;
  EventLoop::Timer finish_timer_;
  std::function<void(uint64_t)> done_;
};

}  // namespace cradle::logs
