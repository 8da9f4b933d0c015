#include "logs/journal.h"

#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/sys/file.h"
#include "base/sys/pipe.h"
#include "base/sys/socket.h"

namespace cradle::logs {
namespace {

constexpr size_t kKeptBytes = 4096;  // of each part while idle

}  // namespace

Result<Journal::Parts> Journal::Make() {
  Parts parts;
  parts.memory = TRY(sys::MakeMemfd("logs"));
  sys::Pipe pipe = TRY(sys::MakePipe());
  parts.pipe_out = std::move(pipe.read);
  parts.pipe_in = std::move(pipe.write);
  return parts;
}

Result<Journal> Journal::Open(Parts parts) {
  Journal journal;
  journal.memory_ = TRY(sys::PageBuffer::MapShared(parts.memory, kSize));
  journal.parts_ = std::move(parts);
  return journal;
}

Result<uint32_t> Journal::Acquire() {
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    if (taken_[slot]) continue;
    taken_[slot] = true;
    for (Stream stream : {Stream::kStdout, Stream::kStderr}) {
      Line& fresh = line(IndexOf(slot, stream));
      fresh.marks[fresh.turn % 2] = {};
    }
    return slot;
  }
  return Error(Code::kResourceExhausted, "the pod has too many containers with a log");
}

void Journal::Claim(uint32_t slot) {
  if (slot < kSlots) taken_[slot] = true;
}

void Journal::Free(uint32_t slot) {
  taken_[slot] = false;
  memory_.Release(RestAt(slot * kStreams, 0), RestAt((slot + 1) * kStreams, 0));
}

std::string_view Journal::rest(uint32_t slot, Stream stream) const {
  uint32_t index = IndexOf(slot, stream);
  uint32_t turn = line(index).turn.load(std::memory_order_acquire);
  return {memory_.data() + RestAt(index, turn), std::min<size_t>(line(index).marks[turn % 2].rest, kMaxContent)};
}

void Journal::Begin(uint32_t slot, Stream stream) {
  Head& now = head();
  ++now.batch;
  now.owner = IndexOf(slot, stream);
  now.size.store(0, std::memory_order_relaxed);
  now.active.store(1, std::memory_order_release);
}

Result<std::string_view> Journal::Read(uint32_t slot, Stream stream, FdRef fd) {
  Begin(slot, stream);
  auto moved = sys::Splice(fd, parts_.pipe_in, kReadSize);
  if (!moved.ok() || *moved == 0) {
    End();
    if (!moved.ok()) return std::move(moved.error());
    return std::string_view();
  }
  head().size.store(static_cast<uint32_t>(*moved), std::memory_order_release);
  TRYV(Take(0));
  return std::string_view(input(), *moved);
}

// From the pipe to the input, of which `have` bytes are there.
Result<> Journal::Take(size_t have) {
  for (size_t size = head().size; have < size;) {
    size_t got = TRY(sys::Read(parts_.pipe_out, input() + have, size - have));
    if (got == 0) return Internal("the journal's pipe lacks what was put into it");
    have += got;
  }
  return {};
}

void Journal::Turn(Mark mark, std::string_view rest) {
  Line& owner = line(head().owner);
  uint32_t next = owner.turn.load(std::memory_order_relaxed) + 1;
  mark.batch = head().batch;
  mark.rest = static_cast<uint32_t>(rest.size());
  owner.marks[next % 2] = mark;
  rest.copy(memory_.data() + RestAt(head().owner, next), rest.size());
  owner.turn.store(next, std::memory_order_release);
}

std::optional<Journal::Owner> Journal::begun() const {
  if (!head().active.load(std::memory_order_acquire) || head().owner >= kLines) return std::nullopt;
  return Owner{head().owner / kStreams, static_cast<Stream>(head().owner % kStreams)};
}

Result<Journal::Begun> Journal::Resume() {
  size_t waiting = TRY(sys::PipeHolds(parts_.pipe_out));
  Head& now = head();
  if (now.size == 0) now.size.store(static_cast<uint32_t>(waiting), std::memory_order_release);
  size_t size = now.size;
  if (size > kReadSize || waiting > size) return Internal("the journal is damaged");
  TRYV(Take(size - waiting));
  const Line& owner = line(now.owner);
  const Mark& mark = owner.marks[owner.turn % 2];
  Begun begun{{input(), size}, std::nullopt};
  if (mark.batch == now.batch && mark.fed <= size && mark.records <= kRecordsSize) begun.mark = mark;
  return begun;
}

void Journal::Used(EventLoop& loop, size_t bytes) {
  if (bytes <= kKeptBytes / 2) return;
  used_ = true;
  if (!scheduled_) Trim(loop);
}

void Journal::Trim(EventLoop& loop) {
  scheduled_ = std::exchange(used_, false);
  if (scheduled_) {
    trim_ = loop.RunAt(After(seconds(1)), [this, &loop] { Trim(loop); });
    return;
  }
  memory_.Release(kInputAt + kKeptBytes, kRecordsAt);
  memory_.Release(kRecordsAt + kKeptBytes, kRestsAt);
  for (uint32_t index = 0; index < kLines; ++index) {
    if (!taken_[index / kStreams]) continue;
    uint32_t turn = line(index).turn;
    memory_.Release(RestAt(index, turn) + line(index).marks[turn % 2].rest, RestAt(index, turn) + kMaxContent);
    memory_.Release(RestAt(index, turn + 1), RestAt(index, turn + 1) + kMaxContent);
  }
}

}  // namespace cradle::logs
