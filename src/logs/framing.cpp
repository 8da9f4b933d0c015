#include "logs/framing.h"

#include "base/clock.h"

namespace cradle::logs {
namespace {

// More than this isn't kept by a stream that is between two lines.
constexpr size_t kKeptCapacity = 256;

}  // namespace

void RecordBuffer::Append(std::string_view bytes) {
  bytes.copy(memory_ + size_, bytes.size());  // memcpy(3) takes no null, which an empty view may be
  size_ += bytes.size();
}

void Stamp::Set(int64_t wall) {
  if (wall < last_) wall = last_;
  if (wall == last_ && !text_.empty()) return;
  last_ = wall;
  text_.clear();
  AppendRfc3339Nano(wall, text_);
}

void AppendRecord(Stream stream, char tag, std::string_view stamp, std::string_view content,
                  RecordBuffer& out) {
  out.Append(stamp);
  out.Append(stream == Stream::kStdout ? " stdout " : " stderr ");
  out.Append({&tag, 1});
  out.Append(" ");
  out.Append(content);
  out.Append("\n");
}

void Framer::Emit(char tag, std::string_view piece, std::string_view stamp, RecordBuffer& out) {
  if (rest_.empty()) return AppendRecord(stream_, tag, stamp, piece, out);
  rest_.append(piece);
  AppendRecord(stream_, tag, stamp, rest_, out);
  rest_.clear();
  if (rest_.capacity() > kKeptCapacity) rest_.shrink_to_fit();
}

size_t Framer::Feed(std::string_view data, std::string_view stamp, RecordBuffer& out) {
  size_t at = 0;
  while (at < data.size() && out.room() >= kMaxRecord) {
    // One byte more than fits: a full record is an F when the newline follows at once, else a P. So a P is only
    // written when more of its line is known, and an F always follows it.
    size_t fits = kMaxContent - rest_.size();
    std::string_view window = data.substr(at, fits + 1);
    size_t newline = window.find('\n');
    if (newline != std::string_view::npos) {
      Emit('F', window.substr(0, newline), stamp, out);
      at += newline + 1;
    } else if (window.size() > fits) {
      Emit('P', window.substr(0, fits), stamp, out);
      at += fits;
    } else {
      rest_.append(window);
      at += window.size();
    }
  }
  return at;
}

void Framer::Finish(std::string_view stamp, RecordBuffer& out) {
  if (!rest_.empty()) Emit('F', {}, stamp, out);
}

}  // namespace cradle::logs
