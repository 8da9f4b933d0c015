#include "streaming/command_spdy.h"
#include "streaming/command_websocket.h"

namespace cradle::streaming {

std::unique_ptr<CommandClient> CommandClient::Make(EventLoop& loop, sys::PageBuffer& scratch,
                                                   const SessionPlan& plan, UniqueFd socket, Handler& handler) {
  if (plan.wire == Wire::kSpdy) return std::make_unique<SpdyCommand>(loop, scratch, plan, std::move(socket), handler);
  return std::make_unique<WebSocketCommand>(loop, scratch, plan, std::move(socket), handler);
}

}  // namespace cradle::streaming
