#include "logs/pump.h"

#include <cerrno>

#include "base/clock.h"
#include "base/sys/file.h"

namespace cradle::logs {
namespace {

constexpr int kReadsPerTurn = 4;        // then the other containers of the pod have theirs
constexpr size_t kDrainLimit = 4 << 20; // read after the deadline, from who never stops writing

}  // namespace

Pump::Pump(UniqueFd out, UniqueFd err) {
  sources_[0].fd = std::move(out);
  sources_[1].fd = std::move(err);
}

Pump::Pump(Terminal terminal) : peer_(std::move(terminal.peer)) {
  sources_[0].fd = std::move(terminal.master);
}

Result<> Pump::Open(EventLoop& loop, Journal& journal, const std::string& path) {
  auto opened = LogFile::Open(path);
  if (!opened.ok() && !resumed_) return std::move(opened.error());
  LogFile file = opened.ok() ? std::move(*opened) : TRY(LogFile::Open(""));
  if (resumed_)
    journal.Claim(*slot_);
  else if (!slot_)
    slot_ = TRY(journal.Acquire());
  for (Source& source : sources_) {
    if (!source.fd.valid()) continue;
    source.watch =
        TRY(loop.Add(source.fd, EPOLLIN, [this, &source](uint32_t) { OnReadable(source); }));
  }
  loop_ = &loop;
  journal_ = &journal;
  file_ = std::move(file);
  if (resumed_) Resume();
  return opened.ok() ? Result<>() : std::move(opened.error());
}

void Pump::Resume() {
  for (Source& source : sources_) source.framer = Framer(source.stream, journal_->rest(*slot_, source.stream));
  auto begun = journal_->begun();
  if (!begun || begun->slot != *slot_) return;
  Source& source = sources_[static_cast<size_t>(begun->stream)];
  if (auto left = journal_->Resume(); left.ok()) {
    const auto& mark = left->mark;
    if (mark) file_->Complete(source.stream, {journal_->records(), mark->records}, mark->inode, mark->offset);
    Put(source, left->input, mark ? mark->fed : 0);
  }
  journal_->End();
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
  auto got = journal_->Read(*slot_, source.stream, source.fd);
  // A terminal says EIO when its other end is open nowhere.
  if (!got.ok()) return got.error().err() == EAGAIN ? Turn::kIdle : Turn::kEnded;
  if (got->empty()) return Turn::kEnded;
  Put(source, *got);
  journal_->End();
  journal_->Used(*loop_, got->size());
  // A pipe gives all it has: a short read has emptied it, and epoll tells of more.
  return got->size() == Journal::kReadSize ? Turn::kMore : Turn::kIdle;
}

void Pump::AddTap(std::shared_ptr<Tap> tap) {
  if (!file_) return tap->End();  // they have ended
  taps_.push_back(std::move(tap));
}

void Pump::RemoveTap(const Tap* tap) {
  std::erase_if(taps_, [tap](const auto& one) { return one.get() == tap; });
}

// `fed`: how much of it is in the log already.
void Pump::Put(Source& source, std::string_view data, size_t fed) {
  std::erase_if(taps_, [&](const auto& tap) { return !tap->Give(source.stream, data); });
  stamp_.Set(WallNanos());
  RecordBuffer out(journal_->records(), Journal::kRecordsSize);
  while (fed < data.size()) {
    fed += source.framer.Feed(data.substr(fed), stamp_.text(), out);
    Write(source, out, fed);
    out.Clear();
  }
}

void Pump::Write(Source& source, const RecordBuffer& records, size_t fed) {
  file_->Settle(stamp_.text());  // before the offset is taken
  Journal::Mark mark;
  mark.inode = file_->inode();
  mark.offset = file_->end();
  mark.records = static_cast<uint32_t>(records.bytes().size());
  mark.fed = static_cast<uint32_t>(fed);
  journal_->Turn(mark, source.framer.rest());
  file_->Append(source.stream, records.bytes(), stamp_.text());
}

void Pump::End(Source& source) {
  source.watch.Reset();
  source.fd.Reset();
  stamp_.Set(WallNanos());
  RecordBuffer out(journal_->records(), Journal::kRecordsSize);
  journal_->Begin(*slot_, source.stream);
  source.framer.Finish(stamp_.text(), out);
  Write(source, out, 0);
  journal_->End();
}

// Reads what is there now. Short reads don't end it: a terminal hands out line by line.
void Pump::Drain(Source& source) {
  for (size_t total = 0; source.fd.valid() && total < kDrainLimit; total += Journal::kReadSize) {
    auto got = journal_->Read(*slot_, source.stream, source.fd);
    if (!got.ok() && got.error().err() == EAGAIN) return;
    if (!got.ok() || got->empty()) return End(source);
    Put(source, *got);
    journal_->End();
    journal_->Used(*loop_, got->size());
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
    journal_->Free(*slot_);
  }
  for (const auto& tap : std::exchange(taps_, {})) tap->End();
  finish_timer_.Cancel();
  std::exchange(done_, nullptr)(lost);
}

}  // namespace cradle::logs
