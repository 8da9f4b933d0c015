#include "streaming/negotiate.h"

#include <algorithm>
#include <span>

#include "streaming/base64.h"
#include "streaming/sha1.h"

namespace cradle::streaming {
namespace {

using Names = std::span<const std::string_view>;

constexpr std::string_view kTunnelProtocol = "SPDY/3.1+portforward.k8s.io";
constexpr std::string_view kSpdyCommand[] = {"v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io",
                                             "v2.channel.k8s.io", "channel.k8s.io"};
constexpr std::string_view kSpdyForward[] = {"portforward.k8s.io"};
constexpr std::string_view kWebSocketCommand[] = {"v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io",
                                                  "channel.k8s.io", "base64.channel.k8s.io"};
constexpr std::string_view kWebSocketForward[] = {kTunnelProtocol, "v4.channel.k8s.io", "v4.base64.channel.k8s.io"};

std::optional<std::string_view> FirstCommon(const std::vector<std::string_view>& offered, Names known) {
  for (std::string_view one : offered)
    if (std::find(known.begin(), known.end(), one) != known.end()) return one;
  return std::nullopt;
}

Answer Refuse(int status, std::string_view text, std::string_view fields = {}) {
  return {std::nullopt, Refusal(status, text, fields)};
}

Answer NothingInCommon(std::string_view field, Names known) {
  std::string fields;
  for (std::string_view one : known) fields += Cat(field, ": ", one, "\r\n");
  return Refuse(403, "none of the offered protocols is spoken here", fields);
}

Answer NegotiateSpdy(Kind kind, const Head& head) {
  Names known = kind == Kind::kPortForward ? Names(kSpdyForward) : Names(kSpdyCommand);
  auto offered = head.FindList("x-stream-protocol-version");
  if (offered.empty()) return Refuse(400, "X-Stream-Protocol-Version is missing");
  auto chosen = FirstCommon(offered, known);
  if (!chosen) return NothingInCommon("X-Accepted-Stream-Protocol-Versions", known);
  return {Agreement{Wire::kSpdy, std::string(*chosen)},
          Cat("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
              "X-Stream-Protocol-Version: ",
              *chosen, "\r\n\r\n")};
}

bool IsKey(std::string_view key) {
  std::string bytes;
  Base64Decoder decoder;
  return decoder.Feed(key, bytes) && decoder.Finish() && bytes.size() == 16;
}

Answer NegotiateWebSocket(Kind kind, const Head& head) {
  Names known = kind == Kind::kPortForward ? Names(kWebSocketForward) : Names(kWebSocketCommand);
  std::string_view key = head.Find("sec-websocket-key");
  if (head.method != "GET") return Refuse(400, "a WebSocket begins with GET");
  if (head.Find("sec-websocket-version") != "13")
    return Refuse(426, "only version 13 of WebSocket is spoken here", "Sec-WebSocket-Version: 13\r\n");
  if (!IsKey(key)) return Refuse(400, "Sec-WebSocket-Key is missing or malformed");
  auto offered = head.FindList("sec-websocket-protocol");
  auto chosen = offered.empty() ? std::optional<std::string_view>("") : FirstCommon(offered, known);
  if (!chosen) return NothingInCommon("Sec-WebSocket-Protocol", known);
  std::string accept = EncodeBase64(Sha1(Cat(key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
  std::string protocol = chosen->empty() ? "" : Cat("Sec-WebSocket-Protocol: ", *chosen, "\r\n");
  return {Agreement{*chosen == kTunnelProtocol ? Wire::kTunnel : Wire::kWebSocket, std::string(*chosen)},
          Cat("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
              "Sec-WebSocket-Accept: ",
              accept, "\r\n", protocol, "\r\n")};
}

std::string_view Reason(int status) {
  switch (status) {
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    default: return "Internal Server Error";
  }
}

}  // namespace

Answer Negotiate(Kind kind, const Head& head) {
  auto connection = head.FindList("connection");
  bool upgrade = std::any_of(connection.begin(), connection.end(),
                             [](std::string_view one) { return EqualsIgnoringCase(one, "upgrade"); });
  auto wanted = head.FindList("upgrade");
  auto wants = [&](std::string_view name) {
    return std::any_of(wanted.begin(), wanted.end(), [&](auto one) { return EqualsIgnoringCase(one, name); });
  };
  if (upgrade && wants("websocket")) return NegotiateWebSocket(kind, head);
  if (upgrade && wants("SPDY/3.1")) return NegotiateSpdy(kind, head);
  return Refuse(400, "an upgrade to SPDY/3.1 or WebSocket is needed");
}

std::string Refusal(int status, std::string_view text, std::string_view fields) {
  std::string body = Cat(text, "\n");
  return Cat("HTTP/1.1 ", std::to_string(status), " ", Reason(status), "\r\nConnection: close\r\n",
             "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n", fields,
             "Content-Length: ", std::to_string(body.size()), "\r\n\r\n", body);
}

std::string_view NameOf(Kind kind) {
  switch (kind) {
    case Kind::kExec: return "exec";
    case Kind::kAttach: return "attach";
    case Kind::kPortForward: return "portforward";
  }
  return "";
}

}  // namespace cradle::streaming
