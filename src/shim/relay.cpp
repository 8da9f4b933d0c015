#include "shim/relay.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/sys/file.h"
#include "base/sys/pipe.h"
#include "base/sys/socket.h"
#include "base/sys/thread.h"

namespace cradle::shim {
namespace {

constexpr size_t kStack = 64 * 1024;  // touched: a page or two
constexpr size_t kAtOnce = 64 * 1024;

// Ours first.
Result<std::pair<UniqueFd, UniqueFd>> Sockets() {
  sys::SocketPair pair = TRY(sys::MakeSocketPair(SOCK_STREAM));
  TRYV(sys::SetNonblocking(pair.first, true));
  TRYV(sys::SetNonblocking(pair.second, true));
  return std::pair(std::move(pair.first), std::move(pair.second));
}

bool Readable(FdRef fd) {
  auto now = sys::PollReadable(fd, Deadline());
  return now.ok() && *now;
}

}  // namespace

Result<Relay::Ends> Relay::AddOutput() {
  sys::Pipe pipe = TRY(sys::MakePipe());
  TRYV(sys::SetNonblocking(pipe.read, true));
  auto [ours, other] = TRY(Sockets());
  lanes_.push_back({std::move(pipe.read), std::move(other)});
  return Ends{std::move(pipe.write), std::move(ours)};
}

Result<Relay::Ends> Relay::AddInput() {
  sys::Pipe pipe = TRY(sys::MakePipe());
  TRYV(sys::SetNonblocking(pipe.write, true));
  UniqueFd ours = TRY(AddInputTo(std::move(pipe.write)));
  return Ends{std::move(pipe.read), std::move(ours)};
}

Result<UniqueFd> Relay::AddInputTo(UniqueFd pipe) {
  auto [ours, other] = TRY(Sockets());
  lanes_.push_back({std::move(other), std::move(pipe)});
  return std::move(ours);
}

Result<> Relay::Start() {
  if (lanes_.empty()) return {};
  auto lanes = std::make_shared<std::vector<Lane>>(std::move(lanes_));
  return sys::Thread::Detach("relay", kStack, [lanes] { Run(*lanes); });
}

void Relay::Run(std::vector<Lane>& lanes) {
  std::vector<pollfd> waits;
  while (!lanes.empty()) {
    waits.clear();
    for (const Lane& lane : lanes) {
      // Where there is no room, what comes isn't looked at: its end would be told again and again.
      waits.push_back({lane.full ? -1 : lane.from.get(), POLLIN, 0});
      waits.push_back({lane.to.get(), static_cast<short>((lane.full ? POLLOUT : 0) | (lane.left ? 0 : POLLRDHUP)), 0});
    }
    if (!sys::Poll(waits, Deadline::max()).ok()) return;
    const pollfd* of = waits.data();
    std::erase_if(lanes, [&of](Lane& lane) {
      short from = of++->revents, to = of++->revents;
      return (from | to) != 0 && !Move(lane, to);
    });
  }
}

// False: its end. `to`: what poll(2) says of that.
bool Relay::Move(Lane& lane, short to) {
  if (to & (POLLERR | POLLHUP)) return false;
  if (to & POLLRDHUP) {
    auto holds = sys::PipeHolds(lane.from);
    lane.left = holds.ok() ? *holds : 0;
  }
  lane.full = false;
  do {
    size_t most = std::min(kAtOnce, lane.left.value_or(kAtOnce));
    if (most == 0) return false;
    auto moved = sys::Splice(lane.from, lane.to, most);
    if (!moved.ok()) {
      if (moved.error().err() != EAGAIN) return false;
      lane.full = Readable(lane.from);
      return lane.full || !lane.left;
    }
    if (*moved == 0) return false;
    if (lane.left) *lane.left -= *moved;
  } while (lane.left);
  return true;
}

}  // namespace cradle::shim
