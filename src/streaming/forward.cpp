#include "streaming/forward_spdy.h"
#include "streaming/forward_websocket.h"

namespace cradle::streaming {

std::unique_ptr<ForwardClient> ForwardClient::Make(EventLoop& loop, sys::PageBuffer& scratch, const SessionPlan& plan,
                                                   UniqueFd socket, Handler& handler) {
  if (plan.wire == Wire::kWebSocket)
    return std::make_unique<WebSocketForward>(loop, scratch, plan, std::move(socket), handler);
  return std::make_unique<SpdyForward>(loop, scratch, plan, std::move(socket), handler);
}

}  // namespace cradle::streaming
