#include "image/unpack_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/sys/confine.h"
#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "image/empty_namespaces.h"

namespace cradle::image {
namespace {

using unpack::Message;

constexpr int kPipeBytes = 1 << 20;
// libcurl brings 16 KiB at a time; each write may wake the program for no more than that.
constexpr size_t kBatchBytes = 64 * 1024;
// Writing one buffer to a disk takes less; the kernel's own hung-task limit is the same.
constexpr seconds kBusyTimeout{120};
constexpr seconds kKillTimeout{10};
constexpr size_t kMaxOpaque = 100'000;

}  // namespace

Result<std::unique_ptr<UnpackProcess>> UnpackProcess::Start(const StoreConfig& config, const std::string& dir,
                                                            Lowers lowers) {
  UniqueFd root = TRY(sys::OpenAt(kCwd, dir, O_PATH | O_DIRECTORY));
  const EmptyNamespaces* empty = TRY(LoadEmptyNamespaces());
  sys::Pipe pipe = TRY(sys::MakePipe());
  (void)sys::SetPipeSize(pipe.write, kPipeBytes);  // refused beyond the user's share; the default works too
  TRYV(sys::SetNonblocking(pipe.write, true));
  sys::SocketPair talk = TRY(sys::MakeSocketPair(SOCK_SEQPACKET));
  sys::SpawnOptions options;
  options.program = config.unpack_program;
  options.args = {"cradle-unpack"};
  for (auto limit : unpack::kLimitArguments) options.args.push_back(std::to_string(config.layer_limits.*limit));
  options.fds = {{pipe.read, unpack::kInputFd},
                 {root, unpack::kRootFd},
                 {talk.second, unpack::kTalkFd},
                 {empty->mounts, unpack::kMountsFd},
                 {empty->network, unpack::kNetworkFd}};
  sys::Child child = TRY(sys::Spawn(options));
  return std::unique_ptr<UnpackProcess>(
      new UnpackProcess(std::move(child), std::move(pipe.write), std::move(talk.first), std::move(lowers)));
}

UnpackProcess::UnpackProcess(sys::Child child, UniqueFd input, UniqueFd talk, Lowers lowers)
    : child_(std::move(child)), input_(std::move(input)), talk_(std::move(talk)), lowers_(std::move(lowers)) {}

UnpackProcess::~UnpackProcess() {
  if (reaped_) return;
  Kill();
  (void)sys::WaitPidfd(child_.pidfd, After(kKillTimeout));
}

void UnpackProcess::Kill() { (void)sys::PidfdSendSignal(child_.pidfd, SIGKILL); }

Result<> UnpackProcess::SendLowers() {
  std::vector<UniqueFd> clones;
  for (const std::string& dir : TRY(lowers_())) {
    UniqueFd fd = TRY(sys::OpenAt(kCwd, dir, O_PATH | O_DIRECTORY));
    clones.push_back(TRY(sys::DetachedClone(fd, sys::Access::kReadOnly)));
  }
  Message message;
  message.kind = Message::kLower;
  std::string encoded = unpack::Encode(message);
  for (size_t at = 0; at < clones.size(); at += unpack::kFdsPerMessage) {
    size_t end = std::min(at + unpack::kFdsPerMessage, clones.size());
    std::vector<FdRef> fds(clones.begin() + static_cast<long>(at), clones.begin() + static_cast<long>(end));
    if (!TRY(sys::PollWritable(talk_, After(kBusyTimeout)))) return Internal("the unpacker does not listen");
    TRYV(sys::SendMessage(talk_, encoded, fds));
  }
  return sys::SendMessage(talk_, encoded);
}

Result<> UnpackProcess::HandleMessage() {
  auto received = sys::ReceiveMessage(talk_, unpack::kMaxMessage);
  if (!received.ok() || received->data.empty()) {  // it died: what else there is to say comes with its exit
    finished_ = true;
    last_.kind = Message::kFailed;
    return {};
  }
  Message message = TRY(unpack::Decode(received->data));
  switch (message.kind) {
    case Message::kNeedLowers: return SendLowers();
    case Message::kOpaque:
      opaque_.insert(opaque_.end(), message.paths.begin(), message.paths.end());
      if (opaque_.size() > kMaxOpaque)
        return Error(Code::kResourceExhausted, "more than the limit of 100000 opaque directories");
      return {};
    default:
      finished_ = true;
      last_ = std::move(message);
      return {};
  }
}

// Until there is room for more input, or (else) something was said.
Result<> UnpackProcess::Wait(bool for_room) {
  pollfd waited[2] = {{talk_.get(), POLLIN, 0}, {input_.get(), POLLOUT, 0}};
  std::span<pollfd> fds(waited, for_room ? 2 : 1);
  if (!TRY(sys::Poll(fds, After(kBusyTimeout))))
    return Error(Code::kDeadlineExceeded, "the unpacker made no progress for two minutes: a hanging disk?");
  if (waited[0].revents) return HandleMessage();
  return {};
}

// Why it ended without a kDone.
Error UnpackProcess::Verdict() {
  auto exit = sys::WaitPidfd(child_.pidfd, After(kKillTimeout));
  reaped_ = exit.ok();
  if (!last_.error.empty()) return {last_.code, last_.error};
  if (!exit.ok()) return std::move(exit.error()).With("unpacker");
  if (exit->signal) return Internal(Cat("the unpacker was killed by signal ", std::to_string(exit->signal)));
  return Internal(Cat("the unpacker exited with ", std::to_string(exit->code)));
}

Result<> UnpackProcess::Write(std::string_view bytes) {
  batch_.append(bytes);
  return batch_.size() < kBatchBytes ? Result<>() : Send();
}

Result<> UnpackProcess::Send() {
  std::string_view bytes = batch_;
  while (!bytes.empty()) {
    if (finished_) return Verdict();
    auto put = sys::Write(input_, bytes.data(), bytes.size());
    if (put.ok()) {
      bytes.remove_prefix(*put);
    } else if (put.error().err() == EAGAIN) {
      TRYV(Wait(true));
    } else {  // EPIPE: it has gone, and says why
      while (!finished_) TRYV(Wait(false));
    }
  }
  batch_.clear();
  return {};
}

Result<Unpacked> UnpackProcess::Finish() {
  TRYV(Send());
  input_.Reset();
  while (!finished_) TRYV(Wait(false));
  if (last_.kind != Message::kDone) return Verdict();
  auto exit = TRY(sys::WaitPidfd(child_.pidfd, After(kKillTimeout)));
  (void)exit;
  reaped_ = true;
  return Unpacked{last_.diff_id, last_.bytes, last_.inodes, std::move(opaque_)};
}

}  // namespace cradle::image
