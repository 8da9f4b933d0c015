#include "base/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "base/sys/file.h"
#include "base/sys/socket.h"

namespace cradle {
namespace {

constexpr size_t kMaxOutput = 1 << 20;
constexpr size_t kMaxErrors = 4 << 10;
constexpr int kReads = 128;           // of up to 16 KiB: more than a full pipe and the cap
constexpr milliseconds kReap{5'000};  // after SIGKILL

// One end of what the program writes.
struct Stream {
  UniqueFd fd;
  std::string text;
  bool open = true;

  // Takes what is there now. False: nothing for the moment, or the end.
  Result<bool> Take() {
    char buffer[16 << 10];
    auto got = sys::Read(fd, buffer, sizeof buffer);
    if (!got.ok() && got.error().err() == EAGAIN) return false;
    if (!got.ok()) return std::move(got.error());
    if (*got == 0) open = false;
    text.append(buffer, *got);
    return *got > 0;
  }
};

class Running {
 public:
  static Result<Running> Start(const ProgramRun& run) {
    UniqueFd input = TRY(sys::SealedMemfd("input", run.input));
    sys::Pipe out = TRY(sys::MakePipe()), err = TRY(sys::MakePipe());
    TRYV(sys::SetNonblocking(out.read, true));
    TRYV(sys::SetNonblocking(err.read, true));
    sys::SpawnOptions options;
    options.program = run.program;
    options.args = run.args;
    options.env = run.env;
    options.fds = {{input, 0}, {out.write, 1}, {err.write, 2}};
    options.new_group = true;
    sys::Child child = TRY(sys::Spawn(options));
    return Running(std::move(child), std::move(out.read), std::move(err.read));
  }

  // Until it has exited. Not until its pipes end: what it has left behind may hold them for ever.
  Result<sys::Exit> Finish(Deadline deadline) {
    auto exited = Watch(deadline);
    if (exited.ok()) {
      auto exit = sys::ReapPidfd(child_.pidfd);
      TRYV(Drain());
      return exit;
    }
    // Its number is its group's, and is not reused before the reaping below.
    (void)sys::KillGroup(child_.pid, SIGKILL).ok();
    auto reaped = sys::WaitPidfd(child_.pidfd, After(kReap));
    if (!reaped.ok()) return std::move(exited.error()).With("it can't be killed");
    (void)Drain().ok();
    return std::move(exited.error());
  }
  const std::string& output() const { return out_.text; }
  const std::string& errors() const { return err_.text; }

 private:
  Running(sys::Child child, UniqueFd out, UniqueFd err) : child_(std::move(child)) {
    out_.fd = std::move(out);
    err_.fd = std::move(err);
  }

  Result<> Watch(Deadline deadline) {
    for (;;) {
      pollfd waited[3] = {{child_.pidfd.get(), POLLIN, 0},
                          {out_.open ? out_.fd.get() : -1, POLLIN, 0},
                          {err_.open ? err_.fd.get() : -1, POLLIN, 0}};
      if (!TRY(sys::Poll(waited, deadline)))
        return Error(Code::kDeadlineExceeded, "no answer in time, killed");
      TRYV(Drain());
      if (waited[0].revents) return {};
    }
  }

  // A bounded piece: who writes without end must not keep this from looking at the deadline.
  Result<> Drain() {
    for (int i = 0; i < kReads && out_.open && TRY(out_.Take()); ++i)
      if (out_.text.size() > kMaxOutput)
        return Error(Code::kOutOfRange, "prints more than 1 MiB, killed");
    for (int i = 0; i < kReads && err_.open && TRY(err_.Take()); ++i)
      if (err_.text.size() > kMaxErrors) err_.text.erase(0, err_.text.size() - kMaxErrors);
    return {};
  }

  sys::Child child_;
  Stream out_, err_;
};

}  // namespace

ProgramEnd RunProgram(const ProgramRun& run, Deadline deadline) {
  auto running = Running::Start(run);
  if (!running.ok()) return {std::move(running.error()), "", ""};
  auto exit = running->Finish(deadline);
  return {std::move(exit), running->output(), running->errors()};
}

}  // namespace cradle
