// cradle-unpack: turns one layer's archive into files, in a sandbox: it is given descriptors and nothing else, and
// before it reads the first byte its root is the layer's directory, its capabilities are those that writing files of any
// owner needs, and any system call beyond reading, writing and making files kills it. It dies with its parent.
//
// The root is a detached mount of that directory: nothing else of the host's tree can be named, ".." ends there. It lives in
// a mount namespace without files and a network namespace without a network, which its parent has made
// (image/empty_namespaces.h).
//
//   cradle-unpack LIMIT...    the Limits in their order; 0: the archive; 3: the directory; 4: unpack/report.h; 5, 6: the
//                             mount and the network namespace to join

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <new>

#include "base/sys/confine.h"
#include "base/sys/file.h"
#include "base/sys/process.h"
#include "base/sys/socket.h"
#include "unpack/report.h"
#include "unpack/unpack.h"

namespace cradle::unpack {
namespace {

constexpr uint64_t kCapabilities = uint64_t{1} << CAP_CHOWN | uint64_t{1} << CAP_DAC_OVERRIDE |
                                   uint64_t{1} << CAP_FOWNER | uint64_t{1} << CAP_FSETID |
                                   uint64_t{1} << CAP_MKNOD | uint64_t{1} << CAP_SETFCAP;
constexpr uint64_t kMaxOpenFiles = 1024;
constexpr seconds kTalkTimeout{60};

constexpr int kSystemCalls[] = {
    SYS_read, SYS_write, SYS_close, SYS_fstat, SYS_newfstatat, SYS_lseek, SYS_openat, SYS_openat2, SYS_getdents64,
    SYS_readlinkat, SYS_mkdirat, SYS_mknodat, SYS_symlinkat, SYS_linkat, SYS_unlinkat, SYS_renameat2, SYS_fchmod,
    SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_utimensat, SYS_ftruncate, SYS_pwrite64, SYS_fsetxattr, SYS_fgetxattr,
    SYS_flistxattr, SYS_sendmsg, SYS_recvmsg, SYS_recvfrom, SYS_poll,
    SYS_fcntl, SYS_futex, SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_brk, SYS_rt_sigprocmask,
    SYS_rt_sigreturn, SYS_sched_yield, SYS_restart_syscall, SYS_clock_gettime, SYS_prctl, SYS_set_robust_list,
    SYS_rseq, SYS_exit, SYS_exit_group,
    // unlink and stat of glibc on x86-64
    SYS_unlink, SYS_rmdir, SYS_stat, SYS_gettid, SYS_getpid, SYS_tgkill};

Message Saying(Message::Kind kind) {
  Message message;
  message.kind = kind;
  return message;
}

Result<> Send(const Message& message) {
  return sys::SendMessage(FdRef(kTalkFd), Encode(message));
}

Result<std::vector<UniqueFd>> AskForLowers() {
  TRYV(Send(Saying(Message::kNeedLowers)));
  std::vector<UniqueFd> lowers;
  for (;;) {
    // As long as it takes: the parent kills this process when it gives up.
    while (!TRY(sys::PollReadable(FdRef(kTalkFd), After(kTalkTimeout)))) continue;
    auto message = TRY(sys::ReceiveMessage(FdRef(kTalkFd), kMaxMessage));
    if (message.data.empty()) return Error(Code::kAborted, "the parent hung up");
    if (message.fds.empty()) return lowers;
    for (UniqueFd& fd : message.fds) lowers.push_back(std::move(fd));
  }
}

Result<> SendOpaque(const std::vector<std::string>& paths) {
  Message message = Saying(Message::kOpaque);
  size_t bytes = 0;
  for (const std::string& path : paths) {
    if (bytes + path.size() > kMaxMessage / 2) {
      TRYV(Send(message));
      message.paths.clear();
      bytes = 0;
    }
    message.paths.push_back(path);
    bytes += path.size() + 16;
  }
  if (!message.paths.empty()) TRYV(Send(message));
  return {};
}

// Everything that needs a capability or a system call which the unpacker must not keep.
Result<> Shrink() {
  TRYV(sys::SetParentDeathSignal(SIGKILL));
  // Only who is in the directory's mount namespace can clone it.
  UniqueFd root = TRY(sys::DetachedClone(FdRef(kRootFd), sys::Access::kReadWrite));
  TRYV(sys::Setns(FdRef(kMountsFd), CLONE_NEWNS));
  TRYV(sys::Setns(FdRef(kNetworkFd), CLONE_NEWNET));
  return sys::ChrootTo(root);
}

// What the allocator calls instead of failing. The message was made when there was memory.
std::string out_of_memory;
[[noreturn]] void EndOutOfMemory() {
  (void)sys::SendMessage(FdRef(kTalkFd), out_of_memory);
  std::_Exit(1);
}

Result<> DropRights(const Limits& limits) {
  Message message = Saying(Message::kFailed);
  message.code = Code::kResourceExhausted;
  message.error = Cat("it takes more memory than the limit of ", std::to_string(limits.max_memory),
                      " bytes (image.max_layer_memory_bytes)");
  out_of_memory = Encode(message);
  std::set_new_handler(EndOutOfMemory);
  TRYV(sys::SetResourceLimit(RLIMIT_CORE, 0));
  TRYV(sys::SetResourceLimit(RLIMIT_AS, limits.max_memory));
  TRYV(sys::SetResourceLimit(RLIMIT_NOFILE, kMaxOpenFiles));
  TRYV(sys::KeepCapabilities(kCapabilities));
  return sys::SetNoNewPrivileges();
}

Result<> Run(const Limits& limits, Unpacked& done) {
  TRYV(Shrink().With("enter the layer"));
  // The host's view of the directory goes; the program's own root is the only one left.
  UniqueFd root = TRY(sys::OpenAt(kCwd, "/", O_RDONLY | O_DIRECTORY));
  for (int fd : {kRootFd, kMountsFd, kNetworkFd}) UniqueFd{fd}.Reset();
  TRYV(sys::CloseFrom(root.get() + 1));
  TRYV(DropRights(limits).With("drop rights"));
  sys::Umask(0);
  Lowers lowers(AskForLowers);
  auto confine = [] { return sys::AllowSystemCalls(kSystemCalls); };
  TRYV(UnpackLayer(FdRef(kInputFd), root, lowers, limits, confine, done));
  TRYV(SendOpaque(done.opaque));
  Message message = Saying(Message::kDone);
  message.blob_digest = done.blob_digest;
  message.diff_id = done.diff_id;
  message.blob_bytes = done.blob_bytes;
  message.bytes = done.bytes;
  message.inodes = done.inodes;
  return Send(message);
}

bool ParseNumber(std::string_view text, uint64_t& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace
}  // namespace cradle::unpack

int main(int argc, char** argv) {
  using namespace cradle::unpack;
  Limits limits;
  bool valid = argc == 1 + static_cast<int>(std::size(kLimitArguments));
  for (int i = 1; valid && i < argc; ++i) valid = ParseNumber(argv[i], limits.*kLimitArguments[i - 1]);
  if (!valid || limits.max_ratio == 0) {
    std::fprintf(stderr, "cradle-unpack is started by cradled\n");
    return 2;
  }
  Unpacked done;
  auto result = Run(limits, done);
  if (result.ok()) return 0;
  Message message = Saying(Message::kFailed);
  message.error = result.error().text();
  message.code = result.error().code();
  message.blob_digest = done.blob_digest;
  (void)Send(message);
  return 1;
}
