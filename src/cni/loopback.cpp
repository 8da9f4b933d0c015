#include <sched.h>
#include <sys/socket.h>

#include "base/sys/process.h"
#include "base/sys/socket.h"
#include "base/sys/thread.h"
#include "cni/network.h"

namespace cradle::cni {

Result<> BringUpLoopback(FdRef netns) {
  // setns(2) moves one thread only, so it is one that ends here.
  Result<> result;
  auto work = [&]() -> Result<> {
    TRYV(sys::Setns(netns, CLONE_NEWNET));
    UniqueFd socket = TRY(sys::SocketCreate(AF_INET, SOCK_DGRAM, 0));
    return sys::InterfaceUp(socket, "lo");
  };
  TRY(sys::Thread::Start("loopback", 128 << 10, [&] { result = work(); })).reset();
  return result;
}

}  // namespace cradle::cni
