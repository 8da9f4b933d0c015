#include "streaming/forward_spdy.h"

#include <charconv>

namespace cradle::streaming {
namespace {

constexpr seconds kPairTime{30};

// 0: not a port.
uint16_t ParsePort(std::string_view text) {
  uint16_t port = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() ? port : uint16_t{0};
}

}  // namespace

SpdyForward::SpdyForward(EventLoop& loop, sys::PageBuffer& scratch, const SessionPlan& plan, UniqueFd socket,
                         ForwardClient::Handler& handler)
    : loop_(loop),
      handler_(handler),
      tunnel_(plan.wire == Wire::kTunnel),
      connection_(loop, std::move(socket), scratch, *this) {}

Result<> SpdyForward::Begin(const SessionPlan& plan) {
  connection_.KeepAlive(tunnel_ ? websocket::Head(websocket::Opcode::kPing, 0) : spdy::Ping(spdy::kOwnPing));
  return connection_.Begin(plan.answer, plan.leftover);
}

void SpdyForward::OnBytes(char* data, size_t size) {
  if (!tunnel_) return Feed({data, size});
  if (auto fed = websocket_.Feed(data, size); !fed.ok() && !connection_.over()) {
    connection_.Abort();
    OnGone(fed.error().text());
  }
}

void SpdyForward::OnMessage(websocket::Opcode opcode, std::string_view piece, bool, bool) {
  if (opcode == websocket::Opcode::kBinary) Feed(piece);
}

void SpdyForward::OnPing(std::string_view payload) {
  connection_.Write(websocket::Head(websocket::Opcode::kPong, payload.size()), payload);
}

void SpdyForward::OnClose() {
  connection_.Write(websocket::Close(websocket::kNormal));
  connection_.Finish();
}

void SpdyForward::Feed(std::string_view bytes) {
  if (connection_.over()) return;
  auto fed = spdy_.Feed(bytes);
  if (fed.ok() || connection_.over()) return;
  connection_.Abort();
  OnGone(fed.error().text());
}

void SpdyForward::Send(std::string_view frame, std::string_view body) {
  if (!tunnel_) return connection_.Write(frame, body);
  std::string head = websocket::Head(websocket::Opcode::kBinary, frame.size() + body.size());
  head.append(frame);
  connection_.Write(head, body);
}

// Without a request id the error stream comes first and the data stream next: two apart.
SpdyForward::Pairs::iterator SpdyForward::FindPair(const std::string& request, uint32_t other) {
  if (request.empty()) return pairs_.find(other);
  for (auto pair = pairs_.begin(); pair != pairs_.end(); ++pair)
    if (pair->second.request == request && (pair->second.error == 0 || pair->second.data == 0)) return pair;
  return pairs_.end();
}

SpdyForward::Pairs::iterator SpdyForward::ByData(uint32_t id) {
  auto found = by_data_.find(id);
  return found == by_data_.end() ? pairs_.end() : pairs_.find(found->second);
}

void SpdyForward::OnStream(uint32_t id, const spdy::Headers& headers) {
  if (connection_.over()) return;
  std::string_view type = spdy::Find(headers, "streamtype");
  uint16_t port = ParsePort(spdy::Find(headers, "port"));
  std::string request(spdy::Find(headers, "requestid"));
  bool is_data = type == "data";
  auto pair = FindPair(request, is_data && id > 2 ? id - 2 : 0);
  bool fits = (is_data || type == "error") && port != 0;
  if (fits && pair != pairs_.end())
    fits = pair->second.port == port && (is_data ? pair->second.data : pair->second.error) == 0;
  else
    fits = fits && pairs_.size() < kMaxPairs;
  if (!fits) return Send(spdy::Reset(id, spdy::kRefused));
  Send(spdy::SynReply(id, last_id_ == 0));
  last_id_ = id;
  if (pair == pairs_.end()) {
    pair = pairs_.try_emplace(id).first;
    pair->second.request = std::move(request);
    pair->second.port = port;
    pair->second.incomplete = loop_.RunAt(After(kPairTime), [this, id] { Expire(id); });
  }
  (is_data ? pair->second.data : pair->second.error) = id;
  if (pair->second.data == 0 || pair->second.error == 0) return;
  pair->second.incomplete.Cancel();
  by_data_[pair->second.data] = pair->first;
  handler_.OnOpen(pair->second.data, port);
}

void SpdyForward::Expire(uint32_t first) {
  auto pair = pairs_.find(first);
  if (pair == pairs_.end()) return;
  EndError(pair->second, "the connection's second stream didn't come in time");
  if (pair->second.data) Send(spdy::Reset(pair->second.data, spdy::kRefused));
  pairs_.erase(pair);
}

void SpdyForward::OnData(uint32_t id, std::string_view bytes, bool fin) {
  auto pair = ByData(id);
  if (connection_.over() || pair == pairs_.end()) return;
  if (!bytes.empty()) handler_.OnData(id, bytes);
  if (fin) handler_.OnDataEnd(id);
}

void SpdyForward::OnReset(uint32_t id) {
  if (!connection_.over() && ByData(id) != pairs_.end()) handler_.OnReset(id);
}

void SpdyForward::Data(uint32_t key, std::string_view bytes) { Send(spdy::DataHead(key, bytes.size(), false), bytes); }

void SpdyForward::EndData(uint32_t key) { Send(spdy::DataHead(key, 0, true)); }

void SpdyForward::EndError(Pair& pair, std::string_view text) {
  if (pair.error) Send(spdy::DataHead(pair.error, text.size(), true), text);
}

void SpdyForward::Refuse(uint32_t key, std::string_view why) {
  auto pair = ByData(key);
  if (pair == pairs_.end()) return;
  EndError(pair->second, why);
  Send(spdy::Reset(key, spdy::kInternalError));
  pairs_.erase(pair);
  by_data_.erase(key);
}

// A word on the error stream would end the client's other connections too.
void SpdyForward::Break(uint32_t key) {
  Send(spdy::Reset(key, spdy::kInternalError));
  Forget(key);
}

void SpdyForward::Forget(uint32_t key) {
  auto pair = ByData(key);
  if (pair == pairs_.end()) return;
  EndError(pair->second, {});
  pairs_.erase(pair);
  by_data_.erase(key);
}

void SpdyForward::Finish() {
  Send(spdy::GoAway(last_id_));
  if (tunnel_) connection_.Write(websocket::Close(websocket::kNormal));
  connection_.Finish();
}

}  // namespace cradle::streaming
