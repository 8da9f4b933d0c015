#include "streaming/negotiate.h"

#include <gtest/gtest.h>

namespace cradle::streaming {
namespace {

Answer Ask(Kind kind, const std::string& fields, const std::string& method = "GET") {
  auto head = ParseHead(method + " / HTTP/1.1\r\n" + fields + "\r\n");
  EXPECT_TRUE(head.ok() && *head) << fields;
  return Negotiate(kind, **head);
}
std::string Status(const Answer& answer) { return answer.text.substr(9, 3); }

constexpr char kSpdy[] = "Connection: keep-alive, upgrade\r\nUpgrade: spdy/3.1\r\n";
constexpr char kWeb[] =
    "Connection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

TEST(Negotiate, TakesTheFirstSpdyProtocolThatIsKnown) {
  auto answer = Ask(Kind::kExec,
                    std::string(kSpdy) + "X-Stream-Protocol-Version: v6.channel.k8s.io\r\n"
                                         "X-Stream-Protocol-Version: v4.channel.k8s.io, channel.k8s.io\r\n",
                    "POST");
  ASSERT_TRUE(answer.agreed);
  EXPECT_EQ(answer.agreed->wire, Wire::kSpdy);
  EXPECT_EQ(answer.agreed->protocol, "v4.channel.k8s.io");
  EXPECT_EQ(answer.text,
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
            "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n");
}

TEST(Negotiate, SpeaksEveryVersionOverSpdy) {
  for (std::string name : {"v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io",
                           "channel.k8s.io"}) {
    auto answer = Ask(Kind::kAttach, kSpdy + Cat("X-Stream-Protocol-Version: ", name, "\r\n"), "POST");
    ASSERT_TRUE(answer.agreed) << name;
    EXPECT_EQ(answer.agreed->protocol, name);
  }
}

TEST(Negotiate, NamesTheSpdyProtocolsThatItKnows) {
  auto answer = Ask(Kind::kPortForward, std::string(kSpdy) + "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n");
  EXPECT_FALSE(answer.agreed);
  EXPECT_EQ(Status(answer), "403");
  EXPECT_NE(answer.text.find("\r\nX-Accepted-Stream-Protocol-Versions: portforward.k8s.io\r\n"), std::string::npos);
}

TEST(Negotiate, AnswersTheSampleHandshakeOfTheRfc) {
  auto answer = Ask(Kind::kExec, std::string(kWeb) + "Sec-WebSocket-Protocol: chat, v5.channel.k8s.io\r\n");
  ASSERT_TRUE(answer.agreed);
  EXPECT_EQ(answer.agreed->wire, Wire::kWebSocket);
  EXPECT_EQ(answer.agreed->protocol, "v5.channel.k8s.io");
  EXPECT_EQ(answer.text,
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n");
}

TEST(Negotiate, ServesClientsThatNameNoProtocol) {
  auto answer = Ask(Kind::kExec, kWeb);
  ASSERT_TRUE(answer.agreed);
  EXPECT_EQ(answer.agreed->protocol, "");
  EXPECT_EQ(answer.text.find("Sec-WebSocket-Protocol"), std::string::npos);
}

TEST(Negotiate, TunnelsSpdyForPortForwardsOnly) {
  std::string tunnel = std::string(kWeb) + "Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io\r\n";
  auto answer = Ask(Kind::kPortForward, tunnel);
  ASSERT_TRUE(answer.agreed);
  EXPECT_EQ(answer.agreed->wire, Wire::kTunnel);
  EXPECT_EQ(Status(Ask(Kind::kExec, tunnel)), "403");
}

TEST(Negotiate, RefusesWhatIsNoUpgrade) {
  EXPECT_EQ(Status(Ask(Kind::kExec, "")), "400");
  EXPECT_EQ(Status(Ask(Kind::kExec, "Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n")), "400");
  EXPECT_EQ(Status(Ask(Kind::kExec, "Connection: upgrade\r\nUpgrade: h2c\r\n")), "400");
  EXPECT_EQ(Status(Ask(Kind::kExec, kSpdy)), "400");
  EXPECT_EQ(Status(Ask(Kind::kExec, kWeb, "POST")), "400");
  EXPECT_EQ(Status(Ask(Kind::kExec, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n")), "426");
  EXPECT_EQ(Status(Ask(Kind::kExec, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                    "Sec-WebSocket-Key: dGhl\r\n")),
            "400");
}

TEST(Refusal, IsAWholeResponse) {
  EXPECT_EQ(Refusal(404, "no", "A: b\r\n"),
            "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "X-Content-Type-Options: nosniff\r\nA: b\r\nContent-Length: 3\r\n\r\nno\n");
}

}  // namespace
}  // namespace cradle::streaming
