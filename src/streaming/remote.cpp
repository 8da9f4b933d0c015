#include "streaming/remote.h"

#include <charconv>

#include "base/sys/socket.h"

namespace cradle::streaming {
namespace {

constexpr seconds kConnectTime{10};
constexpr size_t kMaxAnswer = 16 * 1024;

// What a refusing server says: its body's first line, else its status line.
std::string Refusal(std::string_view answer) {
  size_t body = answer.find("\r\n\r\n");
  std::string_view said = body == std::string_view::npos ? "" : answer.substr(body + 4);
  if (said.empty()) said = answer;
  return Cat("refused: ", said.substr(0, said.find_first_of("\r\n")));
}

}  // namespace

Result<Url> ParseUrl(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  if (text.starts_with("https://"))
    return FailedPrecondition("cradled streams over TLS (streaming.tls_cert), which isn't spoken here: use kubectl");
  auto malformed = [&] { return InvalidArgument(Cat("not a URL of a streaming session: ", text)); };
  if (!text.starts_with(kScheme)) return malformed();
  std::string_view rest = text.substr(kScheme.size());
  size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return malformed();
  std::string_view host = rest.substr(0, slash);
  size_t colon = host.rfind(':');
  if (colon == std::string_view::npos) return malformed();
  Url url;
  std::string_view port = host.substr(colon + 1);
  auto parsed = std::from_chars(port.data(), port.data() + port.size(), url.port);
  if (parsed.ec != std::errc() || parsed.ptr != port.data() + port.size()) return malformed();
  host = host.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  url.address = std::string(host);
  url.path = std::string(rest.substr(slash));
  return url;
}

Result<std::unique_ptr<Remote>> Remote::Dial(EventLoop& loop, sys::PageBuffer& scratch, const std::string& text,
                                             std::string_view protocol, Handler& handler) {
  Url url = TRY(ParseUrl(text));
  UniqueFd socket = TRY(sys::ConnectTcp(url.address, url.port, After(kConnectTime)));
  std::unique_ptr<Remote> remote(new Remote(loop, scratch, std::move(socket), handler));
  TRYV(remote->connection_.Begin(
      Cat("POST ", url.path, " HTTP/1.1\r\nHost: ", url.address, ":", std::to_string(url.port),
          "\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ", protocol, "\r\n\r\n"),
      {}));
  return remote;
}

void Remote::OnBytes(char* data, size_t size) {
  if (accepted_) return Feed({data, size});
  head_.append(data, size);
  OnHead();
}

void Remote::OnHead() {
  size_t end = head_.find("\r\n\r\n");
  bool refused = !head_.starts_with(std::string_view("HTTP/1.1 101 ").substr(0, head_.size()));
  // What a server says when it refuses ends with the connection.
  if (!refused && end == std::string::npos && head_.size() <= kMaxAnswer) return;
  if (refused || end == std::string::npos) {
    if (head_.size() <= kMaxAnswer) return;
    connection_.Abort();
    return OnGone("the answer is too long");
  }
  std::string rest = head_.substr(end + 4);
  head_.clear();
  accepted_ = true;
  handler_.OnAccepted();
  Feed(rest);
}

void Remote::Feed(std::string_view bytes) {
  auto fed = parser_.Feed(bytes);
  if (fed.ok() || connection_.over()) return;
  connection_.Abort();
  OnGone(fed.error().text());
}

void Remote::OnGone(std::string_view why) {
  if (accepted_ || head_.empty()) return handler_.OnGone(accepted_ || !why.empty() ? why : "closed without an answer");
  handler_.OnGone(Refusal(head_));
}

uint32_t Remote::Open(const spdy::Headers& headers) {
  uint32_t stream = next_;
  next_ += 2;
  connection_.Write(spdy::SynStream(stream, headers, stream == 1));
  return stream;
}

void Remote::Send(uint32_t stream, std::string_view bytes, bool end) {
  connection_.Write(spdy::DataHead(stream, bytes.size(), end), bytes);
}

}  // namespace cradle::streaming
