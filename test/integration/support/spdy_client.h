// SpdyClient: the client's side of a streaming URL, blocking, with everything that came kept per stream. One thread,
// but one may Send while another reads. What fails throws (which fails the test).
#pragma once

#include <zlib.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace cradle::test {

class SpdyClient {
 public:
  struct Stream {
    std::string data;
    bool replied = false, ended = false, reset = false;
  };
  using Headers = std::vector<std::pair<std::string, std::string>>;

  // `receive_buffer`: bytes of SO_RCVBUF, for a client that reads slowly; 0: the kernel's.
  explicit SpdyClient(const std::string& url, const std::string& protocol = "v4.channel.k8s.io",
                      int receive_buffer = 0);
  ~SpdyClient();
  SpdyClient(const SpdyClient&) = delete;
  SpdyClient& operator=(const SpdyClient&) = delete;

  int status() const { return status_; }  // 101
  const std::string& response() const { return response_; }

  uint32_t Open(const Headers& headers);
  uint32_t Open(const std::string& type) { return Open(Headers{{"streamtype", type}}); }
  void Send(uint32_t stream, std::string_view bytes, bool end = false);
  void SendRaw(std::string_view bytes);
  // Reads until it is so. False when the server closes, or says nothing for so long, before.
  bool ReadUntil(const std::function<bool()>& enough, int patience_millis = 60'000);
  bool ReadToEnd();  // true: the server closed
  Stream& stream(uint32_t id) { return streams_[id]; }
  void Close() { socket_.Reset(); }

 private:
  bool ReadSome(int patience_millis = 60'000);
  void TakeFrames();

  UniqueFd socket_;
  int status_ = 0;
  std::string response_;
  std::string bytes_;
  uint32_t next_ = 1;
  std::map<uint32_t, Stream> streams_;
  z_stream deflater_{};
  bool closed_ = false;
};

// The streams of an exec or attach; 0: not opened.
struct CommandStreams {
  uint32_t error = 0, in = 0, out = 0, err = 0, resize = 0;
};
CommandStreams OpenStreams(SpdyClient& client, bool in, bool tty);

}  // namespace cradle::test
