#include "shim/session.h"

#include <algorithm>

#include "base/sys/file.h"
#include "shim/attach_session.h"
#include "shim/exec_session.h"
#include "shim/forward_session.h"

namespace cradle::shim {

void Session::WatchIdle() {
  if (plan_.idle_ms == 0) return;
  milliseconds longest(std::min<uint64_t>(plan_.idle_ms, 1'000'000'000'000));
  Deadline due = touched_ + longest;
  if (due <= std::chrono::steady_clock::now()) return End("nothing was sent for too long");
  idle_ = services_.loop.RunAt(due, [this] { WatchIdle(); });
}

void Session::TellOver() {
  if (std::exchange(told_, true)) return;
  idle_.Cancel();
  services_.loop.Post([self = shared_from_this()] { self->over_(self.get()); });
}

Result<std::shared_ptr<Session>> MakeSession(Services& services, streaming::SessionPlan plan,
                                             std::shared_ptr<Container> container, FdRef pause, UniqueFd socket,
                                             Session::Over over) {
  std::shared_ptr<Session> session;
  switch (plan.kind) {
    case streaming::Kind::kExec: {
      auto exec = TRY(container::ExecPlan::Decode(plan.exec));
      session = std::make_shared<ExecSession>(services, std::move(plan), std::move(exec), std::move(container),
                                              std::move(socket), std::move(over));
      break;
    }
    case streaming::Kind::kAttach:
      session = std::make_shared<AttachSession>(services, std::move(plan), std::move(container), std::move(socket),
                                                std::move(over));
      break;
    case streaming::Kind::kPortForward:
      session = std::make_shared<ForwardSession>(services, std::move(plan), TRY(sys::Dup(pause)), std::move(socket),
                                                 std::move(over));
      break;
  }
  TRYV(session->Begin());
  return session;
}

}  // namespace cradle::shim
