#include "base/sys/left.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>

#include "base/sys/file.h"

namespace cradle::sys {
namespace {

// linux/pidfd.h since 6.13, of which older headers know nothing; the first 64 bytes.
struct PidfdInfo {
  uint64_t mask;
  uint64_t cgroup;
  uint32_t ids[11];
  int32_t exit_code;
};
constexpr uint64_t kInfoExit = 1 << 3;
static_assert(sizeof(PidfdInfo) == 64);
constexpr unsigned long kPidfdGetInfo = _IOWR(0xFF, 11, PidfdInfo);

Exit FromStatus(pid_t pid, int status) { return {pid, WIFEXITED(status) ? WEXITSTATUS(status) : 0, WTERMSIG(status)}; }

bool ReadReaped(FdRef pidfd, int& status) {
  PidfdInfo info{};
  info.mask = kInfoExit;
  if (::ioctl(pidfd.get(), kPidfdGetInfo, &info) < 0 || !(info.mask & kInfoExit)) return false;
  status = info.exit_code;
  return true;
}

bool ReadZombie(FdRef pidfd, pid_t pid, int& status) {
  auto stat = ReadFile(kCwd, Cat("/proc/", std::to_string(pid), "/stat"), 4096);
  // Still there to be signalled: nobody has reaped it, and the number was its own.
  if (!stat.ok() || !PidfdSendSignal(pidfd, 0).ok()) return false;
  status = std::atoi(stat->c_str() + stat->rfind(' ') + 1);  // the last field, as of wait(2)
  return true;
}

}  // namespace

Result<std::vector<Message>> PeekMessages(FdRef socket, size_t limit) {
  TRYV(SetSocketOption(socket, SOL_SOCKET, SO_PEEK_OFF, 0));
  std::vector<Message> all;
  Result<> end;
  while (end.ok()) {
    auto message = PeekMessage(socket, limit);
    if (message.ok() && !message->data.empty())
      all.push_back(std::move(*message));
    else
      end = message.ok() ? Error::FromErrno(EAGAIN, "recvmsg") : std::move(message.error());
  }
  TRYV(SetSocketOption(socket, SOL_SOCKET, SO_PEEK_OFF, -1));
  if (end.error().err() != EAGAIN) return std::move(end.error());
  return all;
}

Result<Exit> ExitOf(FdRef pidfd, pid_t pid) {
  int status = 0;
  // It may be reaped between the first look and the second.
  if (ReadReaped(pidfd, status) || ReadZombie(pidfd, pid, status) || ReadReaped(pidfd, status))
    return FromStatus(pid, status);
  return NotFound("the process was reaped by another one");
}

}  // namespace cradle::sys
