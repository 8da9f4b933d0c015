// Remote: the client's side of a streaming URL, over SPDY. One loop, one thread. Streams may be opened once it is
// accepted.
//
//   Dial --101--> OnAccepted ... Open, Send, OnData, OnReset ... the server closes, or any failure --> OnGone
//      \--refused, with the server's words --------------------------------------------------------> OnGone
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/event_loop.h"
#include "streaming/connection.h"
#include "streaming/spdy.h"

namespace cradle::streaming {

struct Url {
  std::string address;  // an IP address
  uint16_t port = 0;
  std::string path;
};
// "http://127.0.0.1:38211/exec/<token>", "http://[::1]:1/...".
Result<Url> ParseUrl(std::string_view text);

class Remote final : private Connection::Handler, private spdy::Handler {
 public:
  class Handler {
   public:
    virtual void OnAccepted() = 0;
    // `end`: the server's side of the stream ends here.
    virtual void OnData(uint32_t stream, std::string_view bytes, bool end) = 0;
    virtual void OnReset(uint32_t stream) = 0;
    virtual void OnRoom() = 0;  // after `full`
    // The last call. Empty: the server has closed.
    virtual void OnGone(std::string_view why) = 0;

   protected:
    ~Handler() = default;
  };

  // Connects (waits for it) and asks. It must not be destroyed by its handler's calls.
  static Result<std::unique_ptr<Remote>> Dial(EventLoop& loop, sys::PageBuffer& scratch, const std::string& url,
                                              std::string_view protocol, Handler& handler);

  uint32_t Open(const spdy::Headers& headers);
  // At most spdy::kMaxData bytes.
  void Send(uint32_t stream, std::string_view bytes, bool end = false);
  bool full() const { return connection_.full(); }
  void PauseReading(bool paused) { connection_.PauseReading(paused); }
  void Finish() { connection_.Finish(); }

 private:
  Remote(EventLoop& loop, sys::PageBuffer& scratch, UniqueFd socket, Handler& handler)
      : handler_(handler), connection_(loop, std::move(socket), scratch, *this) {}

  void OnBytes(char* data, size_t size) override;
  void OnRoom() override { handler_.OnRoom(); }
  void OnGone(std::string_view why) override;
  void OnStream(uint32_t, const spdy::Headers&) override {}  // servers open none
  void OnData(uint32_t stream, std::string_view bytes, bool end) override { handler_.OnData(stream, bytes, end); }
  void OnReset(uint32_t stream) override { handler_.OnReset(stream); }
  void OnPing(uint32_t id) override { connection_.Write(spdy::Ping(id)); }
  void OnHead();
  void Feed(std::string_view bytes);

  Handler& handler_;
  Connection connection_;
  spdy::Parser parser_{*this};
  std::string head_;  // the answer, until it is accepted
  bool accepted_ = false;
  uint32_t next_ = 1;
};

}  // namespace cradle::streaming
