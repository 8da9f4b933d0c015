// StreamClient: a client of a streaming URL that costs as little as it can: blocking, what comes is counted and dropped.
// One thread, but one may Send while another reads. Throws.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/sys/memory.h"

namespace cradle::bench {

enum class Wire { kSpdy, kWebSocket };
enum class Kind { kExec, kForward };

class StreamClient {
 public:
  static constexpr size_t kPiece = 32 * 1024;  // as much as Go's clients send at once

  // Connects, and opens the streams of an exec (with stdin if `input`), or of a port-forward's connection to `port`: one
  // after the other, each when the one before is there, as Go's clients do.
  StreamClient(const std::string& url, Wire wire, Kind kind, bool input, int port = 0);

  // On stdin, or to the port; at most kPiece bytes.
  void Send(std::string_view bytes);
  void EndInput();
  // Reads until that much output has come in all.
  void ReadOutput(uint64_t bytes);
  // Reads until the server closes; the exec's status.
  std::string ReadToEnd();

 private:
  void Upgrade(const std::string& url, Kind kind);
  void OpenSpdy(const char* type, Kind kind, int port);
  bool ReadSome();
  void Feed(std::string_view bytes);
  size_t HeadSize() const;  // as far as it can be told
  void OnHead();
  std::string Head(int stream, size_t size, bool end) const;
  void Write(std::string_view head, std::string_view body);

  const Wire wire_;
  UniqueFd socket_;
  sys::PageBuffer buffer_;
  std::string head_;   // of the frame under way, until it is whole
  uint64_t left_ = 0;  // of its payload
  int stream_ = -1;    // whose it is; -1: nobody's
  int opened_ = 0, replied_ = 0;
  int error_ = -2, in_ = -2, out_ = -2;  // -2: not open
  uint64_t output_ = 0;
  std::string status_, masked_;
};

}  // namespace cradle::bench
