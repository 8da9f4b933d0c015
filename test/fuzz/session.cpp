// Whole sessions: the bytes come through a socket into the server's side of an exec, attach or port-forward, and the
// client goes. The first byte chooses protocol and streams. What ends must say so, once.
#include <sys/socket.h>

#include "base/event_loop.h"
#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "fuzz.h"
#include "streaming/command.h"
#include "streaming/forward.h"
#include "streaming/spdy.h"

namespace cradle {
namespace {

using streaming::Channel;
using streaming::CommandClient;
using streaming::ForwardClient;
using streaming::Kind;
using streaming::SessionPlan;
using streaming::Wire;

constexpr struct {
  Kind kind;
  Wire wire;
  const char* protocol;
} kSessions[] = {
    {Kind::kExec, Wire::kSpdy, "v4.channel.k8s.io"},
    {Kind::kExec, Wire::kSpdy, "channel.k8s.io"},
    {Kind::kExec, Wire::kWebSocket, "v5.channel.k8s.io"},
    {Kind::kExec, Wire::kWebSocket, "v4.base64.channel.k8s.io"},
    {Kind::kPortForward, Wire::kSpdy, "portforward.k8s.io"},
    {Kind::kPortForward, Wire::kTunnel, "SPDY/3.1+portforward.k8s.io"},
    {Kind::kPortForward, Wire::kWebSocket, "v4.channel.k8s.io"},
    {Kind::kPortForward, Wire::kWebSocket, "v4.base64.channel.k8s.io"},
};

// Gives back what comes, and ends as the input says.
class Command final : public CommandClient::Handler {
 public:
  Command(EventLoop& loop, bool finishes) : loop_(loop), finishes_(finishes) {}
  void OnReady() override {
    Live();
    ready_ = true;
  }
  void OnInput(std::string_view bytes) override {
    Live();
    fuzz::Require(ready_ && !ended_ && !bytes.empty());
    client->Output(Channel::kStdout, bytes);
    client->Output(Channel::kStderr, bytes.substr(0, 1));
  }
  void OnInputEnd() override {
    Live();
    fuzz::Require(!ended_);
    ended_ = true;
    if (finishes_) client->Finish(streaming::Status::Exited(3));
  }
  void OnResize(streaming::Size size) override {
    Live();
    fuzz::Require(size.width > 0 && size.height > 0);
  }
  void OnRoom() override { Live(); }
  void OnGone(std::string_view) override {
    Live();
    gone_ = true;
    loop_.Stop();
  }
  void Live() const { fuzz::Require(!gone_); }
  std::unique_ptr<CommandClient> client;

 private:
  EventLoop& loop_;
  const bool finishes_;
  bool ready_ = false, ended_ = false, gone_ = false;
};

class Forward final : public ForwardClient::Handler {
 public:
  explicit Forward(EventLoop& loop) : loop_(loop) {}
  void OnOpen(uint32_t key, uint16_t port) override {
    fuzz::Require(!gone_ && port != 0);
    if (port % 4 == 1) client->Refuse(key, "refused");
    if (port % 4 == 2) client->Break(key);
    if (port % 4 == 3) client->EndData(key);
  }
  void OnData(uint32_t key, std::string_view bytes) override {
    fuzz::Require(!gone_ && !bytes.empty());
    client->Data(key, bytes);
  }
  void OnDataEnd(uint32_t key) override { client->Forget(key); }
  void OnReset(uint32_t key) override { client->Forget(key); }
  void OnRoom() override {}
  void OnGone(std::string_view) override {
    fuzz::Require(!gone_);
    gone_ = true;
    loop_.Stop();
  }
  std::unique_ptr<ForwardClient> client;

 private:
  EventLoop& loop_;
  bool gone_ = false;
};

template <class Result>
auto Must(Result result) {
  fuzz::Require(result.ok());
  return std::move(*result);
}

}  // namespace
}  // namespace cradle

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cradle;
  auto loop = Must(EventLoop::Create());
  static auto scratch = Must(sys::PageBuffer::Map(64 * 1024));
  std::string_view input = fuzz::View(data, std::min<size_t>(size, 8 * 1024));  // fits into a socket, answers too
  uint8_t choice = fuzz::TakeByte(input);
  const auto& session = kSessions[choice % std::size(kSessions)];
  SessionPlan plan;
  plan.kind = session.kind;
  plan.wire = session.wire;
  plan.protocol = session.protocol;
  plan.streams = {.in = true, .out = true, .err = !(choice & 8), .tty = bool(choice & 8)};
  plan.ports = {80, 81, 82};
  plan.leftover = input.substr(0, choice & 16 ? 7 : 0);
  input.remove_prefix(plan.leftover.size());

  auto sockets = Must(sys::MakeSocketPair(SOCK_STREAM));
  fuzz::Require(sys::WriteAll(sockets.first, input.data(), input.size()).ok());
  fuzz::Require(sys::Shutdown(sockets.first, SHUT_WR).ok());
  Command command(*loop, choice & 32);
  Forward forward(*loop);
  // A handler's call may end the session while it begins.
  if (plan.kind == Kind::kExec) {
    command.client = CommandClient::Make(*loop, scratch, plan, std::move(sockets.second), command);
    fuzz::Require(command.client->Begin(plan).ok());
  } else {
    forward.client = ForwardClient::Make(*loop, scratch, plan, std::move(sockets.second), forward);
    fuzz::Require(forward.client->Begin(plan).ok());
  }
  loop->Run();
  return 0;
}
