// Connection: a session's socket, one loop, one thread. What can't be sent now is queued; who produces data asks
// `full` first and goes on when OnRoom is called, so the queue stays near kHighWater. A peer that makes the queue grow
// without reading (endless pings) is dropped.
//
// End: Finish sends what is queued, then our side's end, reads and drops what still comes (closing with unread bytes
// would reset the connection, and the peer lose what it hasn't read), and tells OnGone when the peer has closed too, or
// after kLinger.
#pragma once

#include <string>
#include <string_view>

#include "base/event_loop.h"
#include "base/fd.h"
#include "base/result.h"
#include "base/sys/memory.h"

namespace cradle::streaming {

class Connection {
 public:
  static constexpr size_t kHighWater = 64 * 1024;
  static constexpr seconds kLinger{10};
  static constexpr seconds kQuiet{20};  // longer than kLinger: nothing follows a closing frame

  class Handler {
   public:
    // May be changed in place; gone after the call.
    virtual void OnBytes(char* data, size_t size) = 0;
    // The queue has emptied after `full` was true.
    virtual void OnRoom() = 0;
    // The connection is over; nothing is called any more. `why` is empty when the peer closed it.
    virtual void OnGone(std::string_view why) = 0;

   protected:
    ~Handler() = default;
  };

  // `scratch`: for reading; shared by all of the thread. It must not be destroyed by its handler's calls.
  Connection(EventLoop& loop, UniqueFd socket, sys::PageBuffer& scratch, Handler& handler)
      : loop_(loop), socket_(std::move(socket)), scratch_(scratch), handler_(handler) {}

  // Sends the answer, then gives the handler what had been read before, then reads.
  Result<> Begin(std::string_view answer, std::string leftover);
  // One after the other; never partly.
  void Write(std::string_view head, std::string_view body = {});
  bool full() const { return queue_.size() - sent_ >= kHighWater; }
  // While paused nothing is read; the peer's end is seen nevertheless.
  void PauseReading(bool paused);
  // Sends `ping` when nothing was sent for `quiet` (or up to twice as long): proxies and NAT on the client's way drop
  // connections that say nothing. Whoever doesn't read is left alone.
  void KeepAlive(std::string ping, milliseconds quiet = kQuiet);
  void Finish();
  // At once, without telling.
  void Abort();
  bool over() const { return !socket_.valid(); }
  bool all_sent() const { return queue_.empty(); }

 private:
  void OnEvents(uint32_t events);
  void Read();
  bool Flush();
  void Gone(std::string_view why);
  void Watch();
  void PingWhenQuiet();

  EventLoop& loop_;
  UniqueFd socket_;
  sys::PageBuffer& scratch_;
  Handler& handler_;
  EventLoop::Watch watch_;
  EventLoop::Timer linger_, keep_alive_;
  std::string ping_;
  milliseconds quiet_{};
  bool spoke_ = false;  // since the last look
  std::string queue_;
  size_t sent_ = 0;  // of the queue
  uint32_t watched_ = 0;
  bool paused_ = false;
  bool was_full_ = false;
  bool finishing_ = false;
};

}  // namespace cradle::streaming
