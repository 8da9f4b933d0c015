#include "shim/server.h"

#include <sys/socket.h>

#include <cerrno>

#include "base/log.h"
#include "base/sys/file.h"
#include "base/sys/socket.h"

namespace cradle::shim {
namespace {

constexpr size_t kMaxQueuedPackets = 256;
constexpr size_t kMaxQueuedBytes = 512 * 1024;
constexpr int kRequestsPerTurn = 8;

Result<Request> Parse(sys::Message message, uint64_t connection) {
  Request request;
  request.from.connection = connection;
  wire::Reader reader(message.data);
  while (reader.Next()) {
    switch (reader.tag()) {
      case kKind: request.kind = static_cast<Kind>(reader.U64()); break;
      case kSeq: request.from.seq = reader.U64(); break;
      case kContainer: request.container = reader.Str(); break;
      case kWidth: request.width = static_cast<uint16_t>(reader.U64()); break;
      case kPid: request.pid = static_cast<pid_t>(reader.U64()); break;
      case kOf: request.of = reader.U64(); break;
      case kHeight: request.height = static_cast<uint16_t>(reader.U64()); break;
      default: break;
    }
  }
  if (!reader.ok()) return InvalidArgument("malformed request");
  if (!message.fds.empty()) request.plan = std::move(message.fds.front());
  if (message.fds.size() > 1) request.socket = std::move(message.fds[1]);
  return request;
}

wire::Writer ReplyHead(ReplyTo to) {
  wire::Writer head;
  head.U64(kKind, static_cast<uint64_t>(Kind::kReply));
  head.U64(kSeq, to.seq);
  return head;
}

}  // namespace

Result<> Server::Serve(Handler handler) {
  handler_ = std::move(handler);
  TRYV(sys::SetNonblocking(listener_, true));
  listening_ = TRY(loop_.Add(listener_, EPOLLIN, [this](uint32_t) { AcceptAll(); }));
  return {};
}

void Server::AcceptAll() {
  for (;;) {
    auto accepted = sys::Accept(listener_, SOCK_NONBLOCK);
    if (!accepted.ok()) return;
    auto uid = sys::PeerUid(*accepted);
    if (!uid.ok() || *uid != 0) continue;
    uint64_t id = next_id_++;
    Connection& connection = connections_[id];
    connection.fd = std::move(*accepted);
    auto watch =
        loop_.Add(connection.fd, EPOLLIN, [this, id](uint32_t events) { OnEvents(id, events); });
    if (watch.ok())
      connection.watch = std::move(*watch);
    else
      connections_.erase(id);
  }
}

void Server::OnEvents(uint64_t id, uint32_t events) {
  if (events & EPOLLOUT) Flush(id);
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
    for (int i = 0; i < kRequestsPerTurn && ReceiveOne(id); ++i) {
    }
}

// False when there is nothing more to receive now. Any answer may have ended the connection.
bool Server::ReceiveOne(uint64_t id) {
  auto found = connections_.find(id);
  if (found == connections_.end()) return false;
  auto message = sys::ReceiveMessage(found->second.fd, kMaxPacket);
  if (!message.ok() && message.error().err() == EAGAIN) return false;
  if (!message.ok() || message->data.empty()) {
    connections_.erase(found);
    return false;
  }
  auto request = Parse(std::move(*message), id);
  if (!request.ok()) {
    log::Warning(Cat("connection closed: ", request.error().text()));
    connections_.erase(found);
    return false;
  }
  handler_(std::move(*request));
  return true;
}

void Server::Answer(ReplyTo to, wire::Writer fields, const std::vector<FdRef>& fds) {
  wire::Writer head = ReplyHead(to);
  if (head.bytes().size() + fields.bytes().size() <= kMaxPacket)
    return Send(to.connection, head.bytes() + fields.bytes(), fds);
  auto body = sys::SealedMemfd("reply", fields.bytes());
  if (!body.ok()) return Fail(to, body.error());
  head.Bool(kInMemfd, true);
  std::vector<FdRef> all{body->ref()};
  all.insert(all.end(), fds.begin(), fds.end());
  Send(to.connection, head.bytes(), all);
}

void Server::Fail(ReplyTo to, const Error& error) {
  wire::Writer reply = ReplyHead(to);
  reply.U64(kErrorCode, static_cast<uint64_t>(error.code()));
  reply.Str(kErrorText, std::string_view(error.text()).substr(0, kMaxPacket / 2));
  Send(to.connection, reply.bytes(), {});
}

void Server::Subscribe(ReplyTo to, const std::vector<std::string>& events) {
  auto found = connections_.find(to.connection);
  if (found == connections_.end()) return;
  found->second.subscribed = true;
  for (const std::string& event : events) Send(to.connection, event, {});
}

void Server::Publish(std::string_view event) {
  std::vector<uint64_t> ids;
  for (const auto& [id, connection] : connections_)
    if (connection.subscribed) ids.push_back(id);
  for (uint64_t id : ids) Send(id, event, {});
}

void Server::Send(uint64_t id, std::string_view data, const std::vector<FdRef>& fds) {
  auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  if (connection.queue.empty()) {
    auto sent = sys::SendMessage(connection.fd, data, fds);
    if (sent.ok()) return;
    if (sent.error().err() != EAGAIN) {
      connections_.erase(found);
      return;
    }
  }
  if (auto queued = Enqueue(connection, data, fds); !queued.ok()) {
    log::Warning(Cat("connection closed: ", queued.error().text()));
    connections_.erase(found);
  }
}

Result<> Server::Enqueue(Connection& connection, std::string_view data,
                         const std::vector<FdRef>& fds) {
  if (connection.queue.size() >= kMaxQueuedPackets ||
      connection.queued_bytes + data.size() > kMaxQueuedBytes)
    return Error(Code::kResourceExhausted, "the peer doesn't read");
  Packet packet{std::string(data), {}};
  for (FdRef fd : fds) packet.fds.push_back(TRY(sys::Dup(fd)));
  connection.queue.push_back(std::move(packet));
  connection.queued_bytes += data.size();
  connection.watch.SetEvents(EPOLLIN | EPOLLOUT);
  return {};
}

void Server::Flush(uint64_t id) {
  auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  while (!connection.queue.empty()) {
    const Packet& packet = connection.queue.front();
    std::vector<FdRef> fds;
    for (const UniqueFd& fd : packet.fds) fds.push_back(fd);
    auto sent = sys::SendMessage(connection.fd, packet.data, fds);
    if (!sent.ok() && sent.error().err() == EAGAIN) return;
    if (!sent.ok()) {
      connections_.erase(found);
      return;
    }
    connection.queued_bytes -= packet.data.size();
    connection.queue.pop_front();
  }
  connection.watch.SetEvents(EPOLLIN);
}

}  // namespace cradle::shim
