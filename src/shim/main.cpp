// cradle-shim --pod ID --dir DIR [--cgroup-join DIR]...
//
// One per pod, started by cradled, and outlives it. Descriptor 3 is its listening socket (protocol.h), 4 the
// pause program (O_PATH), 2 its log. The pod's processes are its children, or become so (subreaper). Main thread: this
// loop, which never touches a disk, nor a pipe that a container has open; the log thread writes the containers' logs, and
// each command has a relay (relay.h).

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/mount.h>

#include <cstdlib>

#include "base/log.h"
#include "base/sys/file.h"
#include "base/sys/mount.h"
#include "base/sys/process.h"
#include "shim/pod.h"

namespace cradle::shim {
namespace {

constexpr size_t kScratchSize = 64 * 1024;

struct Arguments {
  std::string pod, dir;
  std::vector<std::string> cgroup_join;
};

Result<Arguments> ParseArguments(int argc, char** argv) {
  Arguments out;
  for (int i = 1; i < argc; i += 2) {
    std::string_view name = argv[i];
    if (i + 1 == argc) return InvalidArgument(Cat(name, " needs a value"));
    std::string value = argv[i + 1];
    if (name == "--pod") out.pod = value;
    else if (name == "--dir") out.dir = value;
    else if (name == "--cgroup-join") out.cgroup_join.push_back(value);
    else return InvalidArgument(Cat("unknown option ", name));
  }
  if (out.pod.empty() || out.dir.empty()) return InvalidArgument("--pod and --dir are needed");
  return out;
}

// One arena for all threads, small steps, and memory that is free goes back: a pod's shim is measured in kilobytes.
void TuneMemory() {
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_TOP_PAD, 4096);
  ::mallopt(M_TRIM_THRESHOLD, 16 * 1024);
  ::mallopt(M_MMAP_THRESHOLD, 64 * 1024);
}

Result<> Settle(const Arguments& arguments) {
  TRYV(sys::CloseFrom(5));
  for (int fd = 0; fd < 5; ++fd) TRYV(sys::SetCloseOnExec(FdRef(fd)));
  // While there is one thread only: v1's tasks moves the thread that writes.
  for (const std::string& dir : arguments.cgroup_join) TRYV(sys::WriteControl(kCwd, Cat(dir, "/tasks"), "0"));
  (void)sys::Umask(022);
  TRYV(sys::NewSession());
  TRYV(sys::SetChildSubreaper());
  TRYV(sys::SetDumpable(false));
  // Refused without CAP_SYS_RESOURCE below what it was given: then that stays.
  (void)sys::WriteControl(kCwd, "/proc/self/oom_score_adj", "-998");
  for (int signal : {SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGXFSZ}) sys::IgnoreSignal(signal);
  return {};
}

// Whether user namespaces can be made here, and files below `dirs` can have their ids.
Result<> ProbeUserNamespaces(const std::vector<std::string>& dirs) {
  constexpr container::IdRange kRange{1 << 16, 1 << 16};
  UniqueFd users = TRY(MakeUserNamespace({kRange, kRange}));
  for (const std::string& dir : dirs) {
    UniqueFd tree = TRY(sys::OpenTree(kCwd, dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    TRYV(sys::MapIds(tree, users).With(Cat("id-mapped mount of ", dir)));
    TRYV(sys::ProbeOverlayByDescriptor(tree));
  }
  return {};
}

Result<> Run(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "--probe-user-namespaces") {
    TRYV(ProbeUserNamespaces({argv + 2, argv + argc}));
    sys::ExitNow(0);
  }
  Arguments arguments = TRY(ParseArguments(argc, argv));
  TRYV(Settle(arguments));
  auto children = TRY(sys::BlockAndSignalfd({SIGCHLD}));
  auto loop = TRY(EventLoop::Create());
  Server server(*loop, UniqueFd(3));
  Services services{.loop = *loop,
                    .server = server,
                    .dir = TRY(sys::OpenAt(kCwd, arguments.dir, O_PATH | O_DIRECTORY)),
                    .pause_program = UniqueFd(4),
                    .scratch = TRY(sys::PageBuffer::Map(kScratchSize)),
                    .log = nullptr,
                    .keep = {}};
  Pod pod(services, [&loop] { loop->Stop(); });
  TRYV(server.Serve([&pod](Request request) { pod.Handle(std::move(request)); }));
  auto reaping = TRY(loop->Add(children, EPOLLIN, [&](uint32_t) {
    char siginfo[128];  // one signalfd_siginfo; more SIGCHLDs than one are one
    (void)sys::Read(children, siginfo, sizeof siginfo);
    pod.Reap();
  }));
  loop->Run();
  // The log thread may sleep in a dead file system: nothing waits for it.
  sys::ExitNow(0);
}

}  // namespace
}  // namespace cradle::shim

int main(int argc, char** argv) {
  cradle::shim::TuneMemory();
  auto ran = cradle::shim::Run(argc, argv);
  cradle::log::Fail(cradle::Cat("cradle-shim: ", ran.error().text()));
  return 1;
}
