#include "streaming/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/sys/file.h"
#include "base/sys/socket.h"

namespace cradle::streaming {
namespace {

constexpr int kReadsPerTurn = 4;
constexpr size_t kMaxQueue = 1 << 20;

}  // namespace

Result<> Connection::Begin(std::string_view answer, std::string leftover) {
  TRYV(sys::SetNonblocking(socket_, true));
  watched_ = EPOLLIN | EPOLLRDHUP;
  watch_ = TRY(loop_.Add(socket_, watched_, [this](uint32_t events) { OnEvents(events); }));
  Write(answer);
  if (!leftover.empty()) handler_.OnBytes(leftover.data(), leftover.size());
  return {};
}

void Connection::Watch() {
  uint32_t wanted = EPOLLRDHUP | (paused_ && !finishing_ ? 0u : EPOLLIN) | (queue_.empty() ? 0u : EPOLLOUT);
  if (wanted != watched_) watch_.SetEvents(watched_ = wanted);
}

void Connection::Write(std::string_view head, std::string_view body) {
  if (over() || finishing_) return;
  spoke_ = true;
  if (queue_.empty()) {
    auto sent = sys::SendPieces(socket_, head, body);
    size_t taken = sent.ok() ? *sent : 0;  // an error comes again as an event
    size_t of_head = std::min(taken, head.size());
    head.remove_prefix(of_head);
    body.remove_prefix(taken - of_head);
    if (head.empty() && body.empty()) return;
  }
  queue_.append(head).append(body);
  was_full_ = was_full_ || full();
  Watch();
}

void Connection::PauseReading(bool paused) {
  paused_ = paused;
  if (!over()) Watch();
}

void Connection::KeepAlive(std::string ping, milliseconds quiet) {
  ping_ = std::move(ping);
  quiet_ = quiet;
  keep_alive_ = loop_.RunAt(After(quiet_), [this] { PingWhenQuiet(); });
}

void Connection::PingWhenQuiet() {
  if (!spoke_ && queue_.empty()) Write(ping_);
  spoke_ = false;
  keep_alive_ = loop_.RunAt(After(quiet_), [this] { PingWhenQuiet(); });
}

void Connection::Finish() {
  if (over() || finishing_) return;
  if (queue_.empty()) (void)sys::Shutdown(socket_, SHUT_WR);
  finishing_ = true;
  keep_alive_.Cancel();
  linger_ = loop_.RunAt(After(kLinger), [this] { Gone("the client doesn't close"); });
  Watch();
}

void Connection::Abort() {
  watch_.Reset();
  linger_.Cancel();
  keep_alive_.Cancel();
  socket_.Reset();
  queue_.clear();
}

void Connection::Gone(std::string_view why) {
  if (over()) return;
  Abort();
  handler_.OnGone(why);
}

void Connection::OnEvents(uint32_t events) {
  if (events & EPOLLERR) return Gone("the connection was reset");
  if ((events & EPOLLOUT) && !Flush()) return;
  if (events & EPOLLIN) return Read();
  // The end is told, and what came before it isn't wanted.
  if (events & (EPOLLHUP | EPOLLRDHUP)) Gone("the client has closed the connection");
}

void Connection::Read() {
  for (int i = 0; i < kReadsPerTurn && !over() && (finishing_ || !paused_); ++i) {
    auto got = sys::Read(socket_, scratch_.data(), scratch_.size());
    if (!got.ok() && got.error().err() == EAGAIN) return;
    if (!got.ok()) return Gone(got.error().text());
    if (*got == 0) return Gone("");
    if (!finishing_) handler_.OnBytes(scratch_.data(), *got);
    if (*got < scratch_.size()) break;
  }
  if (queue_.size() - sent_ > kMaxQueue) Gone("the client doesn't read");
}

// False when the connection is over.
bool Connection::Flush() {
  std::string_view rest = std::string_view(queue_).substr(sent_);
  if (!rest.empty()) {
    auto sent = sys::SendPieces(socket_, rest, {});
    if (!sent.ok() && sent.error().err() == EAGAIN) return true;
    if (!sent.ok()) return Gone(sent.error().text()), false;
    sent_ += *sent;
    if (sent_ < queue_.size()) return true;
  }
  queue_ = std::string();
  sent_ = 0;
  if (finishing_) (void)sys::Shutdown(socket_, SHUT_WR);
  Watch();
  if (std::exchange(was_full_, false) && !finishing_) handler_.OnRoom();
  return !over();
}

}  // namespace cradle::streaming
