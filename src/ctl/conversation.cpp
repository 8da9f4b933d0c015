#include "ctl/conversation.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/sys/file.h"
#include "base/sys/terminal.h"
#include "ctl/status.h"
#include "ctl/stdin_reader.h"
#include "ctl/terminal.h"
#include "streaming/remote.h"

namespace cradle::ctl {
namespace {

using streaming::Remote;

constexpr size_t kScratch = 64 * 1024;
constexpr FdRef kStdin{STDIN_FILENO};

// The terminal at standard input in raw mode, if there is one, for as long as this lives.
class RawTerminal {
 public:
  explicit RawTerminal(bool wanted) {
    if (!wanted) return;
    auto settings = sys::TerminalSettings(kStdin);
    if (settings.ok() && sys::SetTerminalSettings(kStdin, sys::Raw(*settings)).ok()) before_ = *settings;
  }
  ~RawTerminal() {
    if (before_) (void)sys::SetTerminalSettings(kStdin, *before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  std::optional<termios> before_;
};

class Conversation final : private Remote::Handler {
 public:
  Conversation(EventLoop& loop, Manner manner)
      : loop_(loop), manner_(std::move(manner)), stdin_(loop, [this](std::string_view bytes) { OnInput(bytes); }) {}

  Result<Ending> Hold(const std::string& url, FdRef signals) {
    scratch_ = TRY(sys::PageBuffer::Map(kScratch));
    auto watch = TRY(loop_.Add(signals, EPOLLIN, [this, signals](uint32_t) { OnSignal(signals); }));
    remote_ = TRY(Remote::Dial(loop_, scratch_, url, "v4.channel.k8s.io", *this));
    RawTerminal raw(manner_.terminal && manner_.input);
    loop_.Run();
    if (detached_) return Ending{.detached = true};
    if (signal_ != 0) return Ending{.code = 128 + signal_};
    if (failure_) return std::move(*failure_);
    if (status_.empty()) return Error(Code::kUnavailable, Cat("the session was lost", why_.empty() ? "" : ": ", why_));
    return Ending{.code = TRY(ExitCodeOf(status_)), .input_ended = input_ended_};
  }

 private:
  void OnAccepted() override {
    error_ = Open("error");
    if (manner_.input) in_ = Open("stdin");
    out_ = Open("stdout");
    if (manner_.terminal)
      resize_ = Open("resize");
    else
      err_ = Open("stderr");
    if (manner_.terminal) SendSize();
    if (!manner_.input) return;
    if (auto begun = stdin_.Begin(); !begun.ok()) Fail(std::move(begun.error()));
  }
  uint32_t Open(const char* type) { return remote_->Open({{"streamtype", type}}); }

  void OnData(uint32_t stream, std::string_view bytes, bool) override {
    if (stream == out_) OnOutput(bytes);
    if (stream == err_) PrintError(bytes);
    if (stream == error_ && status_.size() < kScratch) status_.append(bytes);
  }
  void OnOutput(std::string_view bytes) {
    auto written = sys::WriteAll(FdRef(STDOUT_FILENO), bytes.data(), bytes.size());
    if (!written.ok() && written.error().err() == EPIPE) EndBy(SIGPIPE);
  }
  void OnReset(uint32_t) override {}
  void OnRoom() override { stdin_.Resume(); }
  void OnGone(std::string_view why) override {
    why_ = std::string(why);
    loop_.Stop();
  }

  void OnInput(std::string_view bytes) {
    if (bytes.empty()) return input_ended_ = true, remote_->Send(in_, {}, true);
    if (!manner_.terminal) {
      remote_->Send(in_, bytes);
    } else {
      auto typed = manner_.detach.Take(bytes);
      remote_->Send(in_, typed.bytes);
      if (typed.detached) detached_ = true, loop_.Stop();
    }
    if (remote_->full()) stdin_.Pause();
  }

  void OnSignal(FdRef signals) {
    signalfd_siginfo info{};
    auto got = sys::Read(signals, reinterpret_cast<char*>(&info), sizeof info);
    if (!got.ok() || *got != sizeof info) return;
    if (info.ssi_signo == SIGWINCH) return SendSize();
    EndBy(static_cast<int>(info.ssi_signo));
  }
  void EndBy(int signal) {
    signal_ = signal;
    loop_.Stop();
  }
  void SendSize() {
    auto size = sys::SizeOfTerminal(kStdin);
    if (resize_ == 0 || !size.ok() || size->width == 0 || size->height == 0) return;
    remote_->Send(resize_, Cat("{\"Width\":", std::to_string(size->width), ",\"Height\":", std::to_string(size->height),
                               "}\n"));
  }
  void Fail(Error error) {
    failure_ = std::move(error);
    loop_.Stop();
  }

  EventLoop& loop_;
  Manner manner_;
  StdinReader stdin_;
  sys::PageBuffer scratch_;
  std::unique_ptr<Remote> remote_;
  uint32_t error_ = 0, in_ = 0, out_ = 0, err_ = 0, resize_ = 0;  // 0: not open
  std::string status_, why_;
  std::optional<Error> failure_;
  bool detached_ = false, input_ended_ = false;
  int signal_ = 0;
};

}  // namespace

Result<Ending> Converse(const std::string& url, Manner manner, FdRef signals) {
  auto loop = TRY(EventLoop::Create());
  return Conversation(*loop, std::move(manner)).Hold(url, signals);
}

}  // namespace cradle::ctl
