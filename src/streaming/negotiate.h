// Which wire and which protocol a request's head asks for, and what it is answered. Pure.
//
//                     SPDY/3.1                                  WebSocket
//   exec, attach      channel.k8s.io, v2 to v4                  none, channel, base64.channel, v4, v4.base64, v5
//   port-forward      portforward.k8s.io                        none, v4, v4.base64, SPDY/3.1+portforward.k8s.io
//
// The client's order is its preference. Nothing in common: 403, and the accepted ones.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "streaming/http_head.h"
#include "streaming/plan.h"

namespace cradle::streaming {

struct Agreement {
  Wire wire = Wire::kSpdy;
  std::string protocol;
};

struct Answer {
  std::optional<Agreement> agreed;
  std::string text;  // the head that accepts, or the whole refusal
};
Answer Negotiate(Kind kind, const Head& head);

// A whole response with a text of one line; `fields`: more header lines, each with its CRLF.
std::string Refusal(int status, std::string_view text, std::string_view fields = {});

// "exec", "attach", "portforward": as in URLs.
std::string_view NameOf(Kind kind);

}  // namespace cradle::streaming
