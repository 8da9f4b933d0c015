// ForwardClient: the client of a port-forward: connections that it opens to ports of a pod, each with data in both
// directions and a word about its failure. One loop, one thread. It owns the client's connection.
#pragma once

#include <memory>
#include <string_view>

#include "base/event_loop.h"
#include "streaming/connection.h"
#include "streaming/plan.h"

namespace cradle::streaming {

class ForwardClient {
 public:
  class Handler {
   public:
    // `key` names the connection from now on.
    virtual void OnOpen(uint32_t key, uint16_t port) = 0;
    virtual void OnData(uint32_t key, std::string_view bytes) = 0;
    virtual void OnDataEnd(uint32_t key) = 0;  // the client sends no more
    virtual void OnReset(uint32_t key) = 0;    // and takes no more
    virtual void OnRoom() = 0;
    // The last call. Empty: the client has closed.
    virtual void OnGone(std::string_view why) = 0;

   protected:
    ~Handler() = default;
  };

  // By the plan's wire. Must not be destroyed by its handler's calls.
  static std::unique_ptr<ForwardClient> Make(EventLoop& loop, sys::PageBuffer& scratch, const SessionPlan& plan,
                                             UniqueFd socket, Handler& handler);
  virtual ~ForwardClient() = default;

  virtual Result<> Begin(const SessionPlan& plan) = 0;
  // At most spdy::kMaxData bytes.
  virtual void Data(uint32_t key, std::string_view bytes) = 0;
  // The pod's end sends no more.
  virtual void EndData(uint32_t key) = 0;
  // There is no connection: why. A SPDY client ends its whole forward then.
  virtual void Refuse(uint32_t key, std::string_view why) = 0;
  // The connection broke; its key is forgotten.
  virtual void Break(uint32_t key) = 0;
  // Both directions have ended; its key is forgotten.
  virtual void Forget(uint32_t key) = 0;
  virtual void Finish() = 0;
  virtual Connection& connection() = 0;
  bool full() { return connection().full(); }
};

}  // namespace cradle::streaming
