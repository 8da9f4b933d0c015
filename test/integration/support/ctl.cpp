#include "support/ctl.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "support/files.h"
#include "support/must.h"

namespace cradle::test {
namespace {

constexpr char kCradlectl[] = CRADLE_BUILD_DIR "/bin/cradlectl";

}  // namespace

Ctl::Ctl(const std::string& socket, std::vector<std::string> words, UniqueFd input) {
  auto out = Must(sys::MakePipe()), err = Must(sys::MakePipe());
  std::vector<sys::FdMove> fds{{out.write, 1}, {err.write, 2}};
  if (input.valid()) fds.push_back({input, 0});
  Spawn(socket, std::move(words), std::move(fds));
  out_ = std::move(out.read);
  err_ = std::move(err.read);
}

Ctl::Ctl(const std::string& socket, std::vector<std::string> words, Terminal size) {
  out_ = UniqueFd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!out_.valid() || ::unlockpt(out_.get()) != 0) throw std::runtime_error("no terminal");
  tty_ = Must(sys::OpenTerminalPeer(out_));
  (void)sys::SetWindowSize(out_, size.width, size.height);
  before_ = Settings();
  Spawn(socket, std::move(words), {{tty_, 0}, {tty_, 1}, {tty_, 2}});
}

Ctl::~Ctl() {
  if (!child_.pidfd.valid()) return;
  (void)sys::PidfdSendSignal(child_.pidfd, SIGKILL);
  (void)sys::WaitPidfd(child_.pidfd, After(kPatience));
}

void Ctl::Type(const std::string& keys) { ASSERT_TRUE(sys::WriteAll(out_, keys.data(), keys.size()).ok()); }

void Ctl::Signal(int signal) { ASSERT_TRUE(sys::PidfdSendSignal(child_.pidfd, signal).ok()); }

void Ctl::Resize(uint16_t width, uint16_t height) {
  ASSERT_TRUE(sys::SetWindowSize(out_, width, height).ok());
  Signal(SIGWINCH);  // this session isn't the terminal's
}

bool Ctl::Shows(const std::string& text) {
  while (shown_.find(text) == std::string::npos)
    if (!ReadSome(out_, shown_)) return false;
  return true;
}

int Ctl::Wait() {
  if (!tty_.valid()) {
    while (out_.valid() && ReadSome(out_, shown_)) continue;
    while (ReadSome(err_, errors_)) continue;
  }
  auto exit = Must(sys::WaitPidfd(child_.pidfd, After(kPatience)));
  child_ = {};
  return exit.signal != 0 ? 1000 + exit.signal : exit.code;
}

bool Ctl::as_before() const {
  termios now = Settings();
  return now.c_lflag == before_.c_lflag && now.c_iflag == before_.c_iflag && now.c_oflag == before_.c_oflag;
}

void Ctl::Spawn(const std::string& socket, std::vector<std::string> words, std::vector<sys::FdMove> fds) {
  sys::SpawnOptions options;
  options.program = kCradlectl;
  options.args = {"cradlectl"};
  options.args.insert(options.args.end(), words.begin(), words.end());
  options.env = {"CRADLE_ADDRESS=unix://" + socket, "PATH=/usr/bin:/bin"};
  options.fds = std::move(fds);
  child_ = Must(sys::Spawn(options));
}

bool Ctl::ReadSome(FdRef fd, std::string& into) {
  char buffer[4096];
  auto ready = sys::PollReadable(fd, After(kPatience));
  if (!ready.ok() || !*ready) return false;
  auto got = sys::Read(fd, buffer, sizeof buffer);
  if (!got.ok() || *got == 0) return false;
  into.append(buffer, *got);
  return true;
}

termios Ctl::Settings() const {
  termios settings{};
  ::tcgetattr(tty_.get(), &settings);
  return settings;
}

}  // namespace cradle::test
