#include <sys/socket.h>

#include <charconv>
#include <map>

#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "ctl/find.h"
#include "ctl/terminal.h"
#include "ctl/verbs.h"
#include "streaming/remote.h"
#include "streaming/sink.h"

namespace cradle::ctl {
namespace {

using streaming::Remote;
using streaming::Sink;

constexpr size_t kBuffer = 64 * 1024;
constexpr int kBacklog = 128;

struct Ports {
  uint16_t local = 0;  // 0: any
  uint16_t remote = 0;
};

Result<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && port != 0) return port;
  return InvalidArgument(Cat("\"", text, "\" is no port"));
}

// "8080:80", "80" (the same one here), ":80" (any here).
Result<Ports> ParsePorts(std::string_view text) {
  size_t colon = text.find(':');
  std::string_view remote = colon == std::string_view::npos ? text : text.substr(colon + 1);
  Ports out;
  out.remote = TRY(ParsePort(remote));
  if (colon == std::string_view::npos) out.local = out.remote;
  else if (colon > 0) out.local = TRY(ParsePort(text.substr(0, colon)));
  return out;
}

// One connection, from a local socket through a session of its own to the pod's port: connections don't hold each other
// up. Over when both directions have ended, or anything fails.
class Carrier final : private Remote::Handler {
 public:
  // `over`: drop it; not called from within its own calls.
  Carrier(EventLoop& loop, sys::PageBuffer& scratch, UniqueFd local, uint16_t port, std::function<void()> over)
      : loop_(loop), scratch_(scratch), port_(port), over_(std::move(over)), local_(std::move(local)) {}
  Result<> Begin(const std::string& url) {
    sink_ = std::make_unique<Sink>(loop_, TRY(sys::Dup(local_)));
    sink_->OnRoom(this, [this] { remote_->PauseReading(false); });
    remote_ = TRY(Remote::Dial(loop_, scratch_, url, "portforward.k8s.io", *this));
    return {};
  }

 private:
  void OnAccepted() override {
    auto open = [this](const char* type) {
      return remote_->Open({{"streamtype", type}, {"port", std::to_string(port_)}, {"requestid", "0"}});
    };
    error_ = open("error");
    remote_->Send(error_, {}, true);
    data_ = open("data");
    OnRoom();
  }
  void OnData(uint32_t stream, std::string_view bytes, bool end) override {
    if (stream == error_) failure_.append(bytes);
    if (stream != data_) return;
    sink_->Write(bytes);
    if (sink_->full()) remote_->PauseReading(true);
    if (end) sink_->End([this](FdRef socket) {
      (void)sys::Shutdown(socket, SHUT_WR);
      output_ended_ = true;
      FinishWhenEnded();
    });
  }
  void OnReset(uint32_t) override { TellOver(); }
  void OnRoom() override {
    if (input_ended_ || watch_.active()) return;
    auto watch = loop_.Add(local_, EPOLLIN, [this](uint32_t) { OnReadable(); });
    if (!watch.ok()) return TellOver();
    watch_ = std::move(*watch);
  }
  void OnGone(std::string_view why) override {
    if (failure_.empty() && !(input_ended_ && output_ended_)) failure_ = std::string(why);
    TellOver();
  }

  void OnReadable() {
    if (remote_->full()) return watch_.Reset();
    auto got = sys::Read(local_, scratch_.data(), scratch_.size());
    if (!got.ok() && got.error().err() == EAGAIN) return;
    if (!got.ok()) return TellOver();
    if (*got > 0) return remote_->Send(data_, {scratch_.data(), *got});
    input_ended_ = true;
    watch_.Reset();
    remote_->Send(data_, {}, true);
    FinishWhenEnded();
  }
  void FinishWhenEnded() {
    if (input_ended_ && output_ended_) remote_->Finish();
  }
  void TellOver() {
    watch_.Reset();
    if (std::exchange(told_, true)) return;
    if (!failure_.empty()) PrintError(Cat("cradlectl: port ", std::to_string(port_), ": ", failure_, "\n"));
    loop_.Post(over_);
  }

  EventLoop& loop_;
  sys::PageBuffer& scratch_;
  const uint16_t port_;
  const std::function<void()> over_;
  UniqueFd local_;
  EventLoop::Watch watch_;
  std::unique_ptr<Sink> sink_;
  std::unique_ptr<Remote> remote_;
  uint32_t error_ = 0, data_ = 0;
  std::string failure_;
  bool input_ended_ = false, output_ended_ = false, told_ = false;
};

class Forwarder {
 public:
  Forwarder(Client& client, EventLoop& loop, std::string pod) : client_(client), loop_(loop), pod_(std::move(pod)) {}

  Result<> Listen(const std::string& address, Ports ports) {
    if (scratch_.size() == 0) scratch_ = TRY(sys::PageBuffer::Map(kBuffer));
    Listener& listener = listeners_.emplace_back();
    listener.socket = TRY(sys::ListenTcp(address, ports.local, kBacklog));
    uint16_t local = TRY(sys::LocalPort(listener.socket));
    FdRef socket = listener.socket;
    listener.watch =
        TRY(loop_.Add(socket, EPOLLIN, [this, socket, port = ports.remote](uint32_t) { AcceptOne(socket, port); }));
    Print(Cat(address.find(':') == std::string::npos ? address : Cat("[", address, "]"), ":", std::to_string(local),
              " -> ", std::to_string(ports.remote), "\n"));
    return {};
  }

 private:
  struct Listener {
    UniqueFd socket;
    EventLoop::Watch watch;
  };

  void AcceptOne(FdRef listener, uint16_t port) {
    auto accepted = sys::Accept(listener, SOCK_NONBLOCK);
    if (!accepted.ok()) return;
    if (auto carried = Carry(std::move(*accepted), port); !carried.ok())
      PrintError(Cat("cradlectl: port ", std::to_string(port), ": ", carried.error().text(), "\n"));
  }
  Result<> Carry(UniqueFd local, uint16_t port) {
    pb::PortForwardRequest request;
    request.set_pod_sandbox_id(pod_);
    request.add_port(port);
    std::string url = TRY(client_.Call(&RuntimeStub::PortForward, request)).url();
    uint64_t key = next_++;
    auto carrier =
        std::make_unique<Carrier>(loop_, scratch_, std::move(local), port, [this, key] { carriers_.erase(key); });
    TRYV(carrier->Begin(url));
    carriers_[key] = std::move(carrier);
    return {};
  }

  Client& client_;
  EventLoop& loop_;
  const std::string pod_;
  sys::PageBuffer scratch_;
  std::vector<Listener> listeners_;
  std::map<uint64_t, std::unique_ptr<Carrier>> carriers_;
  uint64_t next_ = 1;
};

}  // namespace

Result<int> PortForward(Client& client, const ForwardOptions& options, FdRef signals) {
  auto found = TRY(Find(client, options.name));
  auto* pod = std::get_if<pb::PodSandbox>(&found);
  auto loop = TRY(EventLoop::Create());
  Forwarder forwarder(client, *loop, pod ? pod->id() : std::get<pb::Container>(found).pod_sandbox_id());
  for (const std::string& ports : options.ports)
    TRYV(forwarder.Listen(options.address, TRY(ParsePorts(ports))));
  auto ending = TRY(loop->Add(signals, EPOLLIN, [&loop](uint32_t) { loop->Stop(); }));
  loop->Run();
  return 0;
}

}  // namespace cradle::ctl
