// TlsFront: takes TLS off the streaming server's connections. For each one it makes a pair of sockets, gives one end
// away, and carries the bytes between the other and the client, in a thread of its own. So what is behind needs to know
// nothing of TLS, but a session lives no longer than this.
#pragma once

#include <map>
#include <memory>

#include "base/event_loop.h"
#include "base/fd.h"
#include "base/sys/memory.h"
#include "base/sys/thread.h"
#include "streaming/certificate.h"

namespace cradle::streaming {

class TlsRelay;

class TlsFront {
 public:
  static Result<std::unique_ptr<TlsFront>> Start(TlsFiles files);
  // Ends all connections.
  ~TlsFront();
  // The plain end of a client's connection: non-blocking. Its end is the connection's end, also before there is TLS. Any
  // thread.
  Result<UniqueFd> Unwrap(UniqueFd client);

 private:
  explicit TlsFront(Certificate certificate);
  void Add(UniqueFd client, UniqueFd plain);

  Certificate certificate_;
  sys::PageBuffer scratch_;
  std::unique_ptr<EventLoop> loop_;
  std::map<uint64_t, std::unique_ptr<TlsRelay>> relays_;
  uint64_t next_ = 1;
  std::unique_ptr<sys::Thread> thread_;
};

}  // namespace cradle::streaming
