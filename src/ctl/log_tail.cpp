#include "ctl/log_tail.h"

#include <fcntl.h>

#include "base/sys/file.h"
#include "ctl/terminal.h"
#include "ctl/text.h"

namespace cradle::ctl {
namespace {

constexpr size_t kChunk = 256 << 10;

// The last `lines` of whole records.
std::string_view LastLines(std::string_view records, int64_t lines) {
  size_t begin = records.size();
  for (int64_t i = 0; i <= lines && begin != 0; ++i) {
    size_t end = records.rfind('\n', begin - 1);
    if (end == records.npos) return records;
    begin = end;
  }
  return begin == 0 && lines > 0 ? records : records.substr(std::min(begin + 1, records.size()));
}

}  // namespace

Result<LogTail> LogTail::Open(std::string path, LogFilter filter) {
  LogTail tail;
  tail.path_ = std::move(path);
  tail.filter_ = std::move(filter);
  TRYV(tail.Reopen());
  if (tail.filter_.tail < 0) {
    TRYV(tail.ReadToEnd());
    return tail;
  }
  std::string records = TRY(sys::ReadAll(tail.file_, size_t{1} << 30));
  size_t whole = records.rfind('\n') + 1;  // 0 when there is none
  tail.rest_ = records.substr(whole);
  records.resize(whole);
  tail.PrintRecords(LastLines(records, tail.filter_.tail));
  return tail;
}

Result<> LogTail::Drain() {
  TRYV(ReadToEnd());
  auto now = sys::FstatAt(kCwd, path_, 0);
  if (!now.ok() || now->st_ino == inode_) return {};
  TRYV(ReadToEnd());  // written between the last read and the rename
  TRYV(Reopen());
  return ReadToEnd();
}

Result<> LogTail::Reopen() {
  file_ = TRY(sys::OpenAt(kCwd, path_, O_RDONLY));
  inode_ = TRY(sys::Fstat(file_)).st_ino;
  return {};
}

Result<> LogTail::ReadToEnd() {
  std::string chunk(kChunk, '\0');
  for (;;) {
    size_t got = TRY(sys::Read(file_, chunk.data(), chunk.size()));
    if (got == 0) return {};
    rest_.append(chunk, 0, got);
    size_t whole = rest_.rfind('\n') + 1;
    PrintRecords(std::string_view(rest_).substr(0, whole));
    rest_.erase(0, whole);
  }
}

void LogTail::PrintRecords(std::string_view records) const {
  std::string out;
  bool to_stderr = false;
  auto flush = [&] {
    if (!out.empty()) to_stderr ? PrintError(out) : Print(out);
    out.clear();
  };
  while (!records.empty()) {
    size_t end = records.find('\n');
    LogRecord record;
    bool known = ParseLogRecord(records.substr(0, end), record);
    records.remove_prefix(end + 1);
    if (!known || record.time < filter_.since) continue;
    if (record.is_stderr != to_stderr) flush();
    to_stderr = record.is_stderr;
    if (filter_.timestamps) out += Cat(record.time, " ");
    out += record.text;
    if (!record.partial) out += "\n";
  }
  flush();
}

}  // namespace cradle::ctl
