// CRI log framing, a pure core: bytes of one stream in, records out.
//
//   2026-01-02T03:04:05.000000006Z stdout F text\n
//
// RFC 3339 with nine digits, UTC; F ends a line, P says that the line goes on in the stream's next record. A line is
// cut after kMaxContent bytes and nowhere else: how the bytes were cut by read(2) leaves no trace. An empty line keeps
// the space after its tag. (The kubelet's and crictl's readers: pkg/kubelet/kuberuntime/logs of Kubernetes.)
// No I/O, no clock, no locks; each object belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cradle::logs {

enum class Stream : uint8_t { kStdout, kStderr };
inline constexpr int kStreams = 2;

inline constexpr size_t kMaxContent = 16 * 1024;
inline constexpr size_t kStampSize = 30;
inline constexpr size_t kTagAt = kStampSize + 8;       // " stdout "
inline constexpr size_t kHeadSize = kTagAt + 2;        // "F "
inline constexpr size_t kMaxRecord = kHeadSize + kMaxContent + 1;

// A bounded piece of the caller's memory that records are written into.
class RecordBuffer {
 public:
  // At least kMaxRecord bytes.
  RecordBuffer(char* memory, size_t size) : memory_(memory), capacity_(size) {}
  size_t room() const { return capacity_ - size_; }
  std::string_view bytes() const { return {memory_, size_}; }
  bool empty() const { return size_ == 0; }
  void Clear() { size_ = 0; }
  void Append(std::string_view bytes);  // at most room()

 private:
  char* memory_;
  size_t capacity_;
  size_t size_ = 0;
};

// The time of a batch of records, formatted once, never before that of the batch before it.
class Stamp {
 public:
  // `wall`: nanoseconds since the epoch.
  void Set(int64_t wall);
  std::string_view text() const { return text_; }

 private:
  int64_t last_ = 0;
  std::string text_;
};

// Writes one record. `content` has at most kMaxContent bytes and no newline.
void AppendRecord(Stream stream, char tag, std::string_view stamp, std::string_view content,
                  RecordBuffer& out);

class Framer {
 public:
  explicit Framer(Stream stream) : stream_(stream) {}
  // Goes on where another one was: `rest` is its unfinished line.
  Framer(Stream stream, std::string_view rest) : stream_(stream), rest_(rest) {}
  // Takes bytes from the front of `data` while `out` has room for a record; returns how many. An unfinished line is
  // kept until its end arrives.
  size_t Feed(std::string_view data, std::string_view stamp, RecordBuffer& out);
  // End of the stream: an unfinished line becomes an F record. `out` must have room for one record.
  void Finish(std::string_view stamp, RecordBuffer& out);
  std::string_view rest() const { return rest_; }

 private:
  void Emit(char tag, std::string_view piece, std::string_view stamp, RecordBuffer& out);

  Stream stream_;
  std::string rest_;  // the unfinished line, at most kMaxContent bytes
};

}  // namespace cradle::logs
