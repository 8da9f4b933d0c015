#include "streaming/tls.h"

#include <sys/socket.h>

#include <cerrno>
#include <functional>

#include "base/log.h"
#include "base/sys/file.h"
#include "base/sys/socket.h"

namespace cradle::streaming {
namespace {

constexpr size_t kStack = 256 * 1024;
constexpr size_t kScratch = 64 * 1024;
constexpr int kTurns = 8;  // pieces in each direction before others get theirs
constexpr seconds kRefusalTime{10};  // for a refused client to take the alert

}  // namespace

// One connection: TLS outside, plain inside. Each direction has at most one piece under way, so neither side is read
// while the other doesn't take.
//
//   inward   client --SSL_read--> to_inner_ --> inner     its end: close_notify --> shutdown(inner)
//   outward  inner --> to_outer_ --SSL_write--> client     its end: EOF --> close_notify
//
// A client whose handshake fails is sent the alert and heard out.
class TlsRelay {
 public:
  TlsRelay(EventLoop& loop, const OpenSsl& openssl, SSL* ssl, UniqueFd outer, UniqueFd inner, sys::PageBuffer& scratch,
           std::function<void()> over)
      : loop_(loop), o_(openssl), outer_(std::move(outer)), inner_(std::move(inner)), ssl_(ssl, openssl.free),
        scratch_(scratch), over_(std::move(over)) {}

  void Begin() {
    if (o_.set_fd(ssl_.get(), outer_.get()) != 1) return Over();
    Pump();
  }

 private:
  void OnOuter(uint32_t events) {
    if (events & (EPOLLERR | EPOLLHUP)) return Over();
    Pump();
  }
  void OnInner(uint32_t events) {
    inner_gone_ = inner_gone_ || (events & (EPOLLERR | EPOLLHUP));
    Pump();
  }

  void Pump() {
    if (told_) return;
    if (refused_) return DropInput();
    if (!Shake()) return;
    bool moved = true;
    for (int i = 0; i < kTurns && moved && !told_; ++i) {
      moved = MoveInward();
      moved = MoveOutward() || moved;
    }
    if (told_) return;
    if (out_ended_ && to_outer_.empty() && (in_ended_ || inner_gone_)) return Over();
    // What OpenSSL holds decrypted isn't seen by epoll.
    if (moved) again_ = loop_.RunAt(After(seconds(0)), [this] { Pump(); });
    Watch();
  }

  // True when the handshake is done.
  bool Shake() {
    if (shaken_) return true;
    if (inner_gone_) return Over(), false;  // nobody waits for it any more
    o_.err_clear();
    outer_wants_out_ = false;
    int result = o_.accept(ssl_.get());
    if (result == 1) return shaken_ = true;
    if (!WouldBlock(result)) {
      log::Info(o_.LastError(Code::kInternal, "streaming: TLS handshake").text());
      return Refuse(), false;
    }
    Watch();
    return false;
  }

  // The alert is on its way. The client may have sent its request already: closing with that unread would be a reset,
  // which overtakes the alert.
  void Refuse() {
    refused_ = true;
    inner_watch_.Reset();
    inner_.Reset();
    (void)sys::Shutdown(outer_, SHUT_WR);
    refusal_ = loop_.RunAt(After(kRefusalTime), [this] { Over(); });
    SetWatch(outer_watch_, outer_, EPOLLIN, &TlsRelay::OnOuter);
    DropInput();
  }
  void DropInput() {
    for (int i = 0; i < kTurns; ++i) {
      auto got = sys::Read(outer_, scratch_.data(), scratch_.size());
      if (!got.ok() && got.error().err() == EAGAIN) return;
      if (!got.ok() || *got == 0) return Over();
    }
  }

  // False for an end or a failure; what it waits for is noted.
  bool WouldBlock(int result) {
    int error = o_.get_error(ssl_.get(), result);
    if (error == SSL_ERROR_WANT_WRITE) outer_wants_out_ = true;
    ended_well_ = error == SSL_ERROR_ZERO_RETURN;
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
  }

  // Both: whether something was moved.
  bool MoveInward() {
    if (!to_inner_.empty()) return FlushInward();
    if (in_ended_) return false;
    o_.err_clear();
    int got = o_.read(ssl_.get(), scratch_.data(), static_cast<int>(scratch_.size()));
    if (got > 0) {
      to_inner_.assign(scratch_.data(), static_cast<size_t>(got));
      return FlushInward();
    }
    if (WouldBlock(got)) return false;
    o_.err_clear();
    if (!ended_well_) return Over(), false;  // cut off
    in_ended_ = true;
    (void)sys::Shutdown(inner_, SHUT_WR);
    return false;
  }
  bool FlushInward() {
    auto sent = sys::SendPieces(inner_, to_inner_, {});
    if (!sent.ok() && sent.error().err() == EAGAIN) return false;
    if (sent.ok()) {
      to_inner_.erase(0, *sent);
      return true;
    }
    to_inner_.clear();  // the session has ended; what it said before is still to be carried
    in_ended_ = true;
    return false;
  }

  bool MoveOutward() {
    if (!to_outer_.empty()) return FlushOutward();
    if (out_ended_) return false;
    auto got = sys::Read(inner_, scratch_.data(), scratch_.size());
    if (!got.ok() && got.error().err() == EAGAIN) return false;
    if (got.ok() && *got > 0) {
      to_outer_.assign(scratch_.data(), *got);
      return FlushOutward();
    }
    out_ended_ = true;
    o_.err_clear();
    (void)o_.shutdown(ssl_.get());
    return false;
  }
  bool FlushOutward() {
    o_.err_clear();
    outer_wants_out_ = false;
    int sent = o_.write(ssl_.get(), to_outer_.data(), static_cast<int>(to_outer_.size()));
    if (sent > 0) {
      to_outer_.erase(0, static_cast<size_t>(sent));
      return true;
    }
    if (!WouldBlock(sent)) Over();
    return false;
  }

  // A socket that isn't waited for isn't watched: its end would be told again and again.
  void Watch() {
    bool read_outer = !shaken_ || (to_inner_.empty() && !in_ended_);
    bool read_inner = shaken_ && to_outer_.empty() && !out_ended_;
    SetWatch(outer_watch_, outer_, (read_outer ? EPOLLIN : 0u) | (outer_wants_out_ || !to_outer_.empty() ? EPOLLOUT : 0u),
             &TlsRelay::OnOuter);
    SetWatch(inner_watch_, inner_,
             (read_inner ? EPOLLIN : 0u) | (to_inner_.empty() ? 0u : EPOLLOUT) | (shaken_ ? 0u : EPOLLRDHUP),
             &TlsRelay::OnInner);
  }
  void SetWatch(EventLoop::Watch& watch, FdRef fd, uint32_t events, void (TlsRelay::*handler)(uint32_t)) {
    if (events == 0) return watch.Reset();
    if (watch.active()) return watch.SetEvents(events);
    auto added = loop_.Add(fd, events, [this, handler](uint32_t got) { (this->*handler)(got); });
    if (!added.ok()) return Over();
    watch = std::move(*added);
  }

  void Over() {
    if (std::exchange(told_, true)) return;
    outer_watch_.Reset();
    inner_watch_.Reset();
    again_.Cancel();
    refusal_.Cancel();
    loop_.Post(over_);
  }

  EventLoop& loop_;
  const OpenSsl& o_;
  UniqueFd outer_, inner_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
  sys::PageBuffer& scratch_;
  const std::function<void()> over_;
  EventLoop::Watch outer_watch_, inner_watch_;
  EventLoop::Timer again_, refusal_;
  std::string to_inner_, to_outer_;
  bool shaken_ = false, refused_ = false, in_ended_ = false, out_ended_ = false, inner_gone_ = false;
  bool outer_wants_out_ = false, ended_well_ = false, told_ = false;
};

TlsFront::TlsFront(Certificate certificate) : certificate_(std::move(certificate)) {}

Result<std::unique_ptr<TlsFront>> TlsFront::Start(TlsFiles files) {
  Certificate certificate = TRY(Certificate::Load(std::move(files)));
  std::unique_ptr<TlsFront> front(new TlsFront(std::move(certificate)));
  front->scratch_ = TRY(sys::PageBuffer::Map(kScratch));
  front->loop_ = TRY(EventLoop::Create());
  front->thread_ = TRY(sys::Thread::Start("streaming-tls", kStack, [raw = front.get()] { raw->loop_->Run(); }));
  return front;
}

TlsFront::~TlsFront() {
  if (loop_) loop_->Stop();
  thread_.reset();
  relays_.clear();
}

Result<UniqueFd> TlsFront::Unwrap(UniqueFd client) {
  auto pair = TRY(sys::MakeSocketPair(SOCK_STREAM));
  TRYV(sys::SetNonblocking(pair.first, true));
  TRYV(sys::SetNonblocking(pair.second, true));
  TRYV(sys::SetNonblocking(client, true));
  auto outer = std::make_shared<UniqueFd>(std::move(client));
  auto inner = std::make_shared<UniqueFd>(std::move(pair.first));
  loop_->Post([this, outer, inner] { Add(std::move(*outer), std::move(*inner)); });
  return std::move(pair.second);
}

void TlsFront::Add(UniqueFd client, UniqueFd plain) {
  SSL* ssl = certificate_.openssl().make(certificate_.Current().get());
  if (!ssl) return;
  uint64_t key = next_++;
  auto relay = std::make_unique<TlsRelay>(*loop_, certificate_.openssl(), ssl, std::move(client), std::move(plain), scratch_,
                                          [this, key] { relays_.erase(key); });
  TlsRelay& raw = *relay;
  relays_[key] = std::move(relay);
  raw.Begin();
}

}  // namespace cradle::streaming
