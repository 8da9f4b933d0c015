#include "streaming/server.h"

#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <map>

#include "base/event_loop.h"
#include "base/log.h"
#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "base/sys/thread.h"
#include "base/thread_pool.h"
#include "streaming/negotiate.h"
#include "streaming/route.h"
#include "streaming/tls.h"

namespace cradle::streaming {
namespace {

constexpr size_t kStack = 256 * 1024;
constexpr int kBacklog = 128;
constexpr size_t kMaxHeads = 256;  // connections whose head isn't complete
constexpr seconds kHeadTime{10};
constexpr seconds kTrimTime{1};  // after the last client the heap's free pages go back to the kernel
constexpr int kKeepAliveIdle = 60, kKeepAliveInterval = 15, kKeepAliveProbes = 4;  // seconds, seconds
constexpr int kUnackedMillis = 120'000;

// A client whose machine died is found out by the kernel.
void TuneSocket(FdRef socket) {
  (void)sys::SetSocketOption(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  (void)sys::SetSocketOption(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  (void)sys::SetSocketOption(socket, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdle);
  (void)sys::SetSocketOption(socket, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveInterval);
  (void)sys::SetSocketOption(socket, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
  // Keepalive rests while something is to be acknowledged.
  (void)sys::SetSocketOption(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, kUnackedMillis);
}

// The address that a client can dial.
std::string Dialable(const std::string& address) {
  if (address == "0.0.0.0") return "127.0.0.1";
  if (address == "::") return "[::1]";
  return address.find(':') == std::string::npos ? address : Cat("[", address, "]");
}

int StatusOf(const Error& error) {
  switch (error.code()) {
    case Code::kNotFound: return 404;
    case Code::kResourceExhausted: return 429;
    case Code::kUnavailable: return 503;
    default: return 500;
  }
}

class HttpServer final : public Server {
 public:
  explicit HttpServer(ServerConfig config) : config_(std::move(config)) {}
  ~HttpServer() override;
  Result<> Listen();
  Result<std::string> Issue(Grant grant) override;

 private:
  struct Client {
    UniqueFd socket;
    EventLoop::Watch watch;
    EventLoop::Timer timer;
    std::string head;
  };
  using Clients = std::map<uint64_t, Client>;

  void AcceptAll();
  void OnReadable(uint64_t key);
  void OnHead(Clients::iterator client, const Head& head);
  void Refuse(Clients::iterator client, std::string_view response);
  void HandOver(UniqueFd socket, Grant grant, SessionPlan plan);

  const ServerConfig config_;
  std::string base_url_;
  std::unique_ptr<TlsFront> tls_;
  Tokens tokens_;
  UniqueFd listener_;
  std::unique_ptr<EventLoop> loop_;
  EventLoop::Watch listening_;
  EventLoop::Timer trim_;
  Clients clients_;
  uint64_t next_key_ = 1;
  ThreadPool pool_{"streams", 16};
  std::unique_ptr<sys::Thread> thread_;
};

HttpServer::~HttpServer() {
  if (loop_) loop_->Stop();
  thread_.reset();
}

Result<> HttpServer::Listen() {
  listener_ = TRY(sys::ListenTcp(config_.address, config_.port, kBacklog));
  uint16_t port = TRY(sys::LocalPort(listener_));
  if (config_.tls.enabled()) tls_ = TRY(TlsFront::Start(config_.tls).With("TLS"));
  base_url_ = Cat(tls_ ? "https://" : "http://", Dialable(config_.address), ":", std::to_string(port), "/");
  loop_ = TRY(EventLoop::Create());
  listening_ = TRY(loop_->Add(listener_, EPOLLIN, [this](uint32_t) { AcceptAll(); }));
  thread_ = TRY(sys::Thread::Start("streaming", kStack, [this] { loop_->Run(); }));
  return {};
}

Result<std::string> HttpServer::Issue(Grant grant) {
  Kind kind = grant.kind;
  return Cat(base_url_, NameOf(kind), "/", TRY(tokens_.Issue(std::move(grant))));
}

void HttpServer::AcceptAll() {
  for (;;) {
    auto accepted = sys::Accept(listener_, SOCK_NONBLOCK);
    if (!accepted.ok()) return;
    if (clients_.size() >= kMaxHeads) continue;
    TuneSocket(*accepted);
    trim_ = loop_->RunAt(After(kTrimTime), [] { ::malloc_trim(0); });
    if (tls_) accepted = tls_->Unwrap(std::move(*accepted));
    if (!accepted.ok()) continue;
    uint64_t key = next_key_++;
    Client& client = clients_[key];
    client.socket = std::move(*accepted);
    auto watch = loop_->Add(client.socket, EPOLLIN, [this, key](uint32_t) { OnReadable(key); });
    if (!watch.ok()) {
      clients_.erase(key);
      continue;
    }
    client.watch = std::move(*watch);
    client.timer = loop_->RunAt(After(kHeadTime), [this, key] { clients_.erase(key); });
  }
}

void HttpServer::OnReadable(uint64_t key) {
  auto client = clients_.find(key);
  if (client == clients_.end()) return;
  char buffer[4096];
  auto got = sys::Read(client->second.socket, buffer, sizeof buffer);
  if (!got.ok() && got.error().err() == EAGAIN) return;
  if (!got.ok() || *got == 0) {
    clients_.erase(client);
    return;
  }
  client->second.head.append(buffer, *got);
  auto head = ParseHead(client->second.head);
  if (!head.ok())
    return Refuse(client, Refusal(head.error().code() == Code::kResourceExhausted ? 431 : 400, head.error().text()));
  if (*head) OnHead(client, **head);
}

void HttpServer::OnHead(Clients::iterator client, const Head& head) {
  auto route = FindRoute(head.path);
  if (!route) return Refuse(client, Refusal(404, "there is nothing here"));
  if (head.method != "GET" && head.method != "POST") return Refuse(client, Refusal(405, "GET or POST is needed"));
  auto grant = tokens_.Redeem(route->kind, route->token);
  if (!grant) return Refuse(client, Refusal(404, "the token is unknown, used or too old"));
  Answer answer = Negotiate(route->kind, head);
  if (!answer.agreed) return Refuse(client, answer.text);
  SessionPlan plan;
  plan.kind = route->kind;
  plan.wire = answer.agreed->wire;
  plan.protocol = std::move(answer.agreed->protocol);
  plan.answer = std::move(answer.text);
  plan.leftover = client->second.head.substr(head.size);
  plan.streams = grant->streams;
  plan.ports = grant->ports;
  plan.idle_ms = static_cast<uint64_t>(config_.idle.count());
  if (plan.kind == Kind::kPortForward && plan.wire == Wire::kWebSocket && plan.ports.empty())
    return Refuse(client, Refusal(400, "WebSocket channels need the ports in the request"));
  client->second.watch.Reset();
  UniqueFd socket = std::move(client->second.socket);
  clients_.erase(client);
  HandOver(std::move(socket), std::move(*grant), std::move(plan));
}

void HttpServer::Refuse(Clients::iterator client, std::string_view response) {
  (void)sys::SendPieces(client->second.socket, response, {});
  (void)sys::Shutdown(client->second.socket, SHUT_WR);
  clients_.erase(client);
}

void HttpServer::HandOver(UniqueFd socket, Grant grant, SessionPlan plan) {
  auto shared = std::make_shared<UniqueFd>(std::move(socket));
  pool_.Post([shared, grant = std::move(grant), plan = std::move(plan)]() mutable {
    Kind kind = plan.kind;
    auto handed = grant.hand_over(std::move(plan), *shared);
    if (handed.ok()) return;
    log::Warning(Cat(NameOf(kind), " session: ", handed.error().text()));
    (void)sys::SendPieces(*shared, Refusal(StatusOf(handed.error()), handed.error().text()), {});
  });
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(ServerConfig config) {
  auto server = std::make_unique<HttpServer>(std::move(config));
  TRYV(server->Listen().With("streaming server"));
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace cradle::streaming
