#include "logs/pump.h"

#include <cerrno>

#include "base/clock.h"
#include "base/sys/file.h"

namespace cradle::logs {
namespace {

constexpr size_t kReadSize = 64 * 1024;
constexpr size_t kRecordsSize = 64 * 1024 + kMaxRecord;
constexpr int kReadsPerTurn = 4;        // then the other containers of the pod have theirs
constexpr size_t kKeptBytes = 4096;     // of each scratch buffer while idle
constexpr size_t kDrainLimit = 4 << 20; // read after the deadline, from who never stops writing

}  // namespace

Result<Scratch> Scratch::Create() {
  Scratch scratch;
  scratch.input = TRY(sys::PageBuffer::Map(kReadSize));
  scratch.records = TRY(sys::PageBuffer::Map(kRecordsSize));
  return scratch;
}

void Scratch::Used(EventLoop& loop, size_t bytes) {
  if (bytes <= kKeptBytes / 2) return;
  used_ = true;
  if (!scheduled_) Trim(loop);
}

void Scratch::Trim(EventLoop& loop) {
  scheduled_ = std::exchange(used_, false);
  if (scheduled_) {
    trim_ = loop.RunAt(After(seconds(1)), [this, &loop] { Trim(loop); });
    return;
  }
  input.Release(kKeptBytes);
  records.Release(kKeptBytes);
}

Pump::Pump(UniqueFd out, UniqueFd err) {
  sources_[0].fd = std::move(out);
  sources_[1].fd = std::move(err);
}

Pump::Pump(Terminal terminal) : peer_(std::move(terminal.peer)) {
  sources_[0].fd = std::move(terminal.master);
}

Result<> Pump::Open(EventLoop& loop, Scratch& scratch, const std::string& path) {
  LogFile file = TRY(LogFile::Open(path));
  for (Source& source : sources_) {
    if (!source.fd.valid()) continue;
    source.watch =
        TRY(loop.Add(source.fd, EPOLLIN, [this, &source](uint32_t) { OnReadable(source); }));
  }
  loop_ = &loop;
  scratch_ = &scratch;
  file_ = std::move(file);
  return {};
}

Result<> Pump::Reopen() {
  if (!file_) return FailedPrecondition("the log is not open");
  return file_->Reopen();
}

void Pump::Finish(Deadline deadline, std::function<void(uint64_t)> done) {
  done_ = std::move(done);
  if (!file_) return Complete();
  peer_.Reset();
  for (Source& source : sources_) Drain(source);
  finish_timer_ = loop_->RunAt(deadline, [this] { Complete(); });
  CompleteWhenEnded();
}

void Pump::OnReadable(Source& source) {
  for (int i = 0; i < kReadsPerTurn; ++i) {
    Turn turn = ReadOnce(source);
    if (turn == Turn::kMore) continue;
    if (turn == Turn::kEnded) End(source);
    break;
  }
  CompleteWhenEnded();
}

Pump::Turn Pump::ReadOnce(Source& source) {
  auto got = sys::Read(source.fd, scratch_->input.data(), kReadSize);
  // A terminal says EIO when its other end is open nowhere.
  if (!got.ok()) return got.error().err() == EAGAIN ? Turn::kIdle : Turn::kEnded;
  if (*got == 0) return Turn::kEnded;
  Put(source, {scratch_->input.data(), *got});
  scratch_->Used(*loop_, *got);
  // A pipe gives all it has: a short read has emptied it, and epoll tells of more.
  return *got == kReadSize ? Turn::kMore : Turn::kIdle;
}

void Pump::AddTap(std::shared_ptr<Tap> tap) {
  if (!file_) return tap->End();  // they have ended
  taps_.push_back(std::move(tap));
}

void Pump::RemoveTap(const Tap* tap) {
  std::erase_if(taps_, [tap](const auto& one) { return one.get() == tap; });
}

void Pump::Put(Source& source, std::string_view data) {
  std::erase_if(taps_, [&](const auto& tap) { return !tap->Give(source.stream, data); });
  stamp_.Set(WallNanos());
  RecordBuffer out(scratch_->records.data(), scratch_->records.size());
  while (!data.empty()) {
    data.remove_prefix(source.framer.Feed(data, stamp_.text(), out));
    file_->Append(source.stream, out.bytes(), stamp_.text());
    out.Clear();
  }
}

void Pump::End(Source& source) {
  source.watch.Reset();
  source.fd.Reset();
  stamp_.Set(WallNanos());
  RecordBuffer out(scratch_->records.data(), scratch_->records.size());
  source.framer.Finish(stamp_.text(), out);
  file_->Append(source.stream, out.bytes(), stamp_.text());
}

// Reads what is there now. Short reads don't end it: a terminal hands out line by line.
void Pump::Drain(Source& source) {
  for (size_t total = 0; source.fd.valid() && total < kDrainLimit; total += kReadSize) {
    auto got = sys::Read(source.fd, scratch_->input.data(), kReadSize);
    if (!got.ok() && got.error().err() == EAGAIN) return;
    if (!got.ok() || *got == 0) return End(source);
    Put(source, {scratch_->input.data(), *got});
    scratch_->Used(*loop_, *got);
  }
}

void Pump::CompleteWhenEnded() {
  if (done_ && !sources_[0].fd.valid() && !sources_[1].fd.valid()) Complete();
}

void Pump::Complete() {
  uint64_t lost = 0;
  if (file_) {
    for (Source& source : sources_) {
      Drain(source);
      if (source.fd.valid()) End(source);
    }
    file_->Settle(stamp_.text());
    lost = file_->lost();
    file_.reset();
  }
  for (const auto& tap : std::exchange(taps_, {})) tap->End();
  finish_timer_.Cancel();
  std::exchange(done_, nullptr)(lost);
}

}  // namespace cradle::logs
