#include "logs/log_file.h"

#include <fcntl.h>

#include "base/sys/file.h"
#include "base/sys/socket.h"

namespace cradle::logs {
namespace {

Result<UniqueFd> OpenLog(const std::string& path) {
  // O_NONBLOCK: a FIFO in that place must not hold the log thread.
  UniqueFd fd = TRY(sys::OpenAt(
      kCwd, path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0640));
  struct stat info = TRY(sys::Fstat(fd));
  if (!S_ISREG(info.st_mode)) return FailedPrecondition(Cat("open ", path, ": not a regular file"));
  TRYV(sys::SetNonblocking(fd, false));
  return fd;
}

// Bytes of output in one record, its newline included: a P has none.
uint64_t OutputIn(std::string_view record) {
  uint64_t content = record.size() - kHeadSize - 1;
  return record[kTagAt] == 'F' ? content + 1 : content;
}

}  // namespace

Result<LogFile> LogFile::Open(std::string path) {
  LogFile file(std::move(path));
  if (!file.path_.empty()) TRYV(file.Use(TRY(OpenLog(file.path_))));
  return file;
}

Result<> LogFile::Use(UniqueFd fd) {
  struct stat info = TRY(sys::Fstat(fd));
  inode_ = info.st_ino;
  end_ = static_cast<uint64_t>(info.st_size);
  fd_ = std::move(fd);
  return {};
}

void LogFile::Append(Stream stream, std::string_view records, std::string_view stamp) {
  if (!fd_.valid() || records.empty()) return;
  Settle(stamp);
  if (gap_ > 0 || !pending_.empty()) return Lose(records);
  size_t put = WriteSome(records);
  size_t whole = put;
  if (put > 0 && records[put - 1] != '\n') {
    whole = records.find('\n', put) + 1;
    pending_ = records.substr(put, whole - put);
  }
  Written(stream, records.substr(0, whole));
  Lose(records.substr(whole));
}

// A file that was moved away since (rotation) got some of it or all, and nobody knows: better twice than never.
void LogFile::Complete(Stream stream, std::string_view records, uint64_t inode, uint64_t offset) {
  if (!fd_.valid()) return;
  uint64_t written = inode == inode_ && end_ > offset ? end_ - offset : 0;
  if (written >= records.size()) return;
  pending_ = records.substr(written);
  (void)WritePending();
  Written(stream, records);
}

void LogFile::Settle(std::string_view stamp) {
  if (!WritePending() || gap_ == 0) return;
  std::string note = GapNote(stamp);
  size_t put = WriteSome(note);
  if (put == 0) return;
  pending_ = note.substr(put);
  gap_ = 0;
  open_line_[0] = open_line_[1] = false;
}

Result<> LogFile::Reopen() {
  if (!fd_.valid()) return {};
  UniqueFd next = TRY(OpenLog(path_));
  if (!WritePending()) {
    gap_ += pending_.size();
    lost_ += pending_.size();
    pending_.clear();
  }
  return Use(std::move(next));
}

// Writes until all is written or an error comes; returns how much was.
size_t LogFile::WriteSome(std::string_view bytes) {
  size_t at = 0;
  while (at < bytes.size()) {
    auto put = sys::Write(fd_, bytes.data() + at, bytes.size() - at);
    if (!put.ok()) {
      failed_ = put.error().err();
      break;
    }
    at += *put;
  }
  end_ += at;
  return at;
}

bool LogFile::WritePending() {
  if (pending_.empty()) return true;
  pending_.erase(0, WriteSome(pending_));
  return pending_.empty();
}

// Lines whose end was lost are closed first, so that no reader joins what doesn't belong together.
std::string LogFile::GapNote(std::string_view stamp) const {
  char memory[3 * kHeadSize + 256];
  RecordBuffer out(memory, sizeof memory);
  if (open_line_[0]) AppendRecord(Stream::kStdout, 'F', stamp, {}, out);
  if (open_line_[1]) AppendRecord(Stream::kStderr, 'F', stamp, {}, out);
  std::string what = Cat("cradle: ", std::to_string(gap_), " bytes of output were lost");
  AppendRecord(Stream::kStderr, 'F', stamp, Error::FromErrno(failed_, what).text(), out);
  return std::string(out.bytes());
}

void LogFile::Written(Stream stream, std::string_view records) {
  if (records.empty()) return;
  size_t before = records.substr(0, records.size() - 1).rfind('\n');
  size_t last = before == std::string_view::npos ? 0 : before + 1;
  open_line_[static_cast<int>(stream)] = records[last + kTagAt] == 'P';
}

void LogFile::Lose(std::string_view records) {
  while (!records.empty()) {
    size_t size = records.find('\n') + 1;
    gap_ += OutputIn(records.substr(0, size));
    lost_ += OutputIn(records.substr(0, size));
    records.remove_prefix(size);
  }
}

}  // namespace cradle::logs
