// Journal: what a pod's log thread has read and not written yet, in memory that outlives its shim. A successor finishes
// what was begun: no line is lost, torn or doubled when a shim is killed, wherever it was.
//
//   container's pipe --splice--> the journal's pipe --read--> input --framed--> records, mark --written--> log file
//
// How far a dead thread came can be told. Its pipe held nothing before, and nobody else writes to it; the mark is turned
// over when the records lie there whole; the file's size says how much of them was written. One batch, what was read of
// one stream at a time, is under way at most.
//
// The parts (a memfd, a pipe) are also kept by somebody else (shim/kept.h). Made by the owner's thread; then the log
// thread's alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/event_loop.h"
#include "base/fd.h"
#include "base/result.h"
#include "base/sys/memory.h"
#include "logs/framing.h"

namespace cradle::logs {

class Journal {
 public:
  static constexpr uint32_t kSlots = 256;  // containers of a pod that have a log at a time
  static constexpr size_t kReadSize = 64 * 1024;

  struct Parts {
    UniqueFd memory, pipe_out, pipe_in;  // the pipe's reading and writing end
  };
  static Result<Parts> Make();
  // Also of parts that a dead thread has used.
  static Result<Journal> Open(Parts parts);
  const Parts& parts() const { return parts_; }

  // A container's place: its number, until it is given back. Claim: the one it had before.
  Result<uint32_t> Acquire();
  void Claim(uint32_t slot);
  void Free(uint32_t slot);

  // A stream's unfinished line, as of its last mark.
  std::string_view rest(uint32_t slot, Stream stream) const;

  // Begins a batch with what `fd` has now. Empty at its end; EAGAIN: nothing now. Any error leaves none begun.
  Result<std::string_view> Read(uint32_t slot, Stream stream, FdRef fd);
  // Begins a batch of nothing: what is left of a stream at its end.
  void Begin(uint32_t slot, Stream stream);
  // Where records are made. Free again when they are written.
  char* records() const { return memory_.data() + kRecordsAt; }
  static constexpr size_t kRecordsSize = kReadSize + 2 * kMaxRecord;
  // How far the batch has come, before it is acted on.
  struct Mark {
    uint64_t batch = 0;
    uint64_t inode = 0;     // the log file
    uint64_t offset = 0;    // its size before the records are written
    uint32_t records = 0;   // bytes at records()
    uint32_t fed = 0;       // bytes of the batch that they and the rest were made of
    uint32_t rest = 0;
  };
  void Turn(Mark mark, std::string_view rest);
  void End() { head().active.store(0, std::memory_order_release); }

  // The batch that a dead thread had begun: whose it is.
  struct Owner {
    uint32_t slot;
    Stream stream;
  };
  std::optional<Owner> begun() const;
  // All of it, and its mark (of which nothing holds when mark.batch is another's).
  struct Begun {
    std::string_view input;
    std::optional<Mark> mark;
  };
  Result<Begun> Resume();

  // `bytes` were used just now: pages beyond the first few are given back a second after the last use in earnest.
  void Used(EventLoop& loop, size_t bytes);

 private:
  struct Line {
    std::atomic<uint32_t> turn;  // marks[turn % 2] holds, and rests[turn % 2]
    Mark marks[2];
  };
  struct Head {
    uint64_t batch;
    uint32_t owner;                // index of a Line
    std::atomic<uint32_t> size;    // of the batch; 0: not known yet, it is what the pipe holds
    std::atomic<uint32_t> active;
  };
  static constexpr uint32_t kLines = kSlots * kStreams;
  static constexpr size_t kLinesAt = 64;
  static constexpr size_t kInputAt = (kLinesAt + kLines * sizeof(Line) + 4095) / 4096 * 4096;
  static constexpr size_t kRecordsAt = kInputAt + kReadSize;
  static constexpr size_t kRestsAt = (kRecordsAt + kRecordsSize + 4095) / 4096 * 4096;
  static constexpr size_t kSize = kRestsAt + 2 * kLines * kMaxContent;
  static_assert(sizeof(Head) <= kLinesAt && kMaxContent % 4096 == 0);

  static uint32_t IndexOf(uint32_t slot, Stream stream) { return slot * kStreams + static_cast<uint32_t>(stream); }
  Head& head() const { return *reinterpret_cast<Head*>(memory_.data()); }
  Line& line(uint32_t index) const { return reinterpret_cast<Line*>(memory_.data() + kLinesAt)[index]; }
  static size_t RestAt(uint32_t index, uint32_t turn) { return kRestsAt + (2 * index + turn % 2) * kMaxContent; }
  char* input() const { return memory_.data() + kInputAt; }
  Result<> Take(size_t have);
  void Trim(EventLoop& loop);

  Parts parts_;
  sys::PageBuffer memory_;
  std::vector<bool> taken_ = std::vector<bool>(kSlots);
  EventLoop::Timer trim_;
  bool scheduled_ = false;
  bool used_ = false;
};

}  // namespace cradle::logs
