#include "ctl/follow.h"

#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys/socket.h"

namespace cradle::ctl {
namespace {

// State and log are looked at this often: both are cheap (the daemon's memory, one read).
constexpr milliseconds kPeriod{100};

// Waits a while; true when a signal has come, or nobody reads standard output any more (which is always told).
Result<bool> IsToEnd(FdRef signals) {
  pollfd fds[] = {{signals.get(), POLLIN, 0}, {STDOUT_FILENO, 0, 0}};
  return sys::Poll(fds, After(kPeriod));
}

}  // namespace

Result<pb::ContainerStatus> StatusOf(Client& client, const std::string& id) {
  pb::ContainerStatusRequest request;
  request.set_container_id(id);
  auto response = TRY(client.Call(&RuntimeStub::ContainerStatus, request));
  return std::move(*response.mutable_status());
}

Result<std::string> LogsDirectory(Client& client) {
  auto info = TRY(client.Call(&DebugStub::Info, v1::InfoRequest()));
  auto logs = info.facts().find("logs");
  if (logs == info.facts().end()) return Internal("the daemon doesn't say where logs go");
  return logs->second;
}

Result<pb::ContainerStatus> Follow(Client& client, const std::string& id, LogTail* log,
                                   FdRef signals) {
  for (;;) {
    auto status = TRY(StatusOf(client, id));
    if (log != nullptr) TRYV(log->Drain());  // after the state: an exited one writes no more
    if (status.state() != pb::CONTAINER_RUNNING) return status;
    if (TRY(IsToEnd(signals))) return status;
  }
}

}  // namespace cradle::ctl
