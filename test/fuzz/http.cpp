// What the streaming server does with a request before it trusts it: head, route, token, protocol.
#include "fuzz.h"
#include "streaming/http_head.h"
#include "streaming/negotiate.h"
#include "streaming/route.h"
#include "streaming/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cradle;
  using streaming::Kind;
  std::string_view input = fuzz::View(data, size);
  auto parsed = streaming::ParseHead(input);
  if (!parsed.ok() || !*parsed) return 0;
  const streaming::Head& head = **parsed;
  fuzz::Require(head.size <= input.size() && head.size <= streaming::kMaxHead + 4);
  fuzz::Require(head.fields.size() <= streaming::kMaxHeadFields && head.path.starts_with('/'));
  auto again = streaming::ParseHead(input.substr(0, head.size));
  fuzz::Require(again.ok() && *again && (*again)->fields == head.fields && (*again)->path == head.path);

  static streaming::Tokens tokens;
  if (auto route = streaming::FindRoute(head.path)) {
    fuzz::Require(head.path.ends_with(route->token));
    fuzz::Require(!tokens.Redeem(route->kind, route->token));  // none was issued
  }
  for (Kind kind : {Kind::kExec, Kind::kAttach, Kind::kPortForward}) {
    streaming::Answer answer = streaming::Negotiate(kind, head);
    fuzz::Require(answer.text.starts_with(answer.agreed ? "HTTP/1.1 101 " : "HTTP/1.1 4"));
    // Nothing of the client's may end a line of ours early.
    size_t end = answer.text.find("\r\n\r\n");
    fuzz::Require(end != std::string::npos && (!answer.agreed || end + 4 == answer.text.size()));
  }
  return 0;
}
