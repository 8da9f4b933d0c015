// CommandClient: the client of an exec or attach session: which streams it has, whatever they are on the wire (SPDY
// streams, WebSocket channels). One loop, one thread. It owns the connection.
//
//   Begin --all streams there--> OnReady ... OnInput, OnResize ... Finish --all sent, peer closed--> OnGone
//                                                              any failure, peer closed early -----> OnGone
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/event_loop.h"
#include "streaming/connection.h"
#include "streaming/plan.h"
#include "streaming/resize.h"
#include "streaming/status.h"

namespace cradle::streaming {

enum class Channel : uint8_t { kStdin = 0, kStdout = 1, kStderr = 2, kError = 3, kResize = 4 };

class CommandClient {
 public:
  class Handler {
   public:
    virtual void OnReady() = 0;
    virtual void OnInput(std::string_view bytes) = 0;
    virtual void OnInputEnd() = 0;  // once
    virtual void OnResize(Size size) = 0;
    virtual void OnRoom() = 0;      // after `full`
    // The last call. Empty: the client has closed.
    virtual void OnGone(std::string_view why) = 0;

   protected:
    ~Handler() = default;
  };

  // By the plan's wire. Must not be destroyed by its handler's calls.
  static std::unique_ptr<CommandClient> Make(EventLoop& loop, sys::PageBuffer& scratch, const SessionPlan& plan,
                                             UniqueFd socket, Handler& handler);
  virtual ~CommandClient() = default;

  virtual Result<> Begin(const SessionPlan& plan) = 0;
  // kStdout or kStderr; at most spdy::kMaxData bytes. Dropped when the client hasn't this stream.
  virtual void Output(Channel channel, std::string_view bytes) = 0;
  virtual void Finish(const Status& status) = 0;
  virtual Connection& connection() = 0;
  bool full() { return connection().full(); }
};

}  // namespace cradle::streaming
