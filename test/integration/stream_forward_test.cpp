// PortForward over SPDY: what flows, how it ends, and what is said of a port that nobody serves.
#include <filesystem>
#include <thread>

#include "stream_base.h"
#include "support/echo_server.h"

namespace cradle::test {
namespace {

class StreamForward : public StreamBase {
 protected:
  struct Pair {
    uint32_t error = 0, data = 0;
  };
  static Pair Dial(SpdyClient& client, int port, int request) {
    Pair pair;
    for (std::string type : {"error", "data"}) {
      uint32_t id = client.Open(SpdyClient::Headers{
          {"streamtype", type}, {"port", std::to_string(port)}, {"requestid", std::to_string(request)}});
      (type == "error" ? pair.error : pair.data) = id;
    }
    client.Send(pair.error, {}, true);
    return pair;
  }
  // Serves files on the pod's port 8080, with an answer for each name: 404.
  void RunWeb(Net net, const std::string& address) {
    pod_ = RunPod(PodConfig("pod", net));
    container_ = StartNew(pod_, Shell("c", "exec httpd -f -p " + address));
    ASSERT_TRUE(Eventually([&] {
      return NodeTest::Exec(container_, {"grep", "-q", ":1F90 ", "/proc/net/tcp", "/proc/net/tcp6"}).exit_code() == 0;
    }));
  }
  static constexpr char kAsk[] = "GET /none HTTP/1.0\r\n\r\n";
  std::string pod_, container_;
};

TEST_F(StreamForward, CarriesAHundredConnectionsAndTheirHalfCloses) {
  EchoServer echo;
  SpdyClient client(ForwardUrl(RunPod(PodConfig("pod", Net::kHost))), "portforward.k8s.io");
  ASSERT_EQ(client.status(), 101);
  std::vector<Pair> pairs;
  for (int i = 0; i < 100; ++i) pairs.push_back(Dial(client, echo.port(), i));
  auto text = [](size_t i) { return "hello " + std::to_string(i) + std::string(300'000, 'x'); };
  std::thread writer([&] {
    for (size_t i = 0; i < pairs.size(); ++i) client.Send(pairs[i].data, text(i));
    for (Pair& pair : pairs) client.Send(pair.data, {}, true);
  });
  EXPECT_TRUE(client.ReadUntil([&] {
    for (Pair& pair : pairs)
      if (!client.stream(pair.data).ended || !client.stream(pair.error).ended) return false;
    return true;
  }));
  writer.join();
  for (size_t i = 0; i < pairs.size(); ++i) {
    EXPECT_TRUE(client.stream(pairs[i].data).data == text(i)) << i;
    EXPECT_EQ(client.stream(pairs[i].error).data, "");
  }
}

TEST_F(StreamForward, EndsWithItsShimAndIsThereAgain) {
  EchoServer echo;
  std::string pod = RunPod(PodConfig("pod", Net::kHost));
  std::string container = StartNew(pod, Sleeper("c"));
  for (int i = 0; i < 2; ++i) {
    SpdyClient client(ForwardUrl(pod), "portforward.k8s.io");
    Pair pair = Dial(client, echo.port(), 1);
    client.Send(pair.data, "hello");
    EXPECT_TRUE(client.ReadUntil([&] { return client.stream(pair.data).data == "hello"; }));
    KillShim(pod);
    EXPECT_TRUE(client.ReadToEnd());
    EXPECT_EQ(NodeTest::Exec(container, {"echo", "alive"}).stdout(), "alive\n");
  }
}

TEST_F(StreamForward, TriesIpv6AfterIpv4) {
  RunWeb(Net::kBridge, "[::1]:8080");
  SpdyClient client(ForwardUrl(pod_), "portforward.k8s.io");
  Pair pair = Dial(client, 8080, 1);
  client.Send(pair.data, kAsk);
  EXPECT_TRUE(client.ReadUntil([&] { return client.stream(pair.data).ended; }));
  EXPECT_NE(client.stream(pair.data).data.find("404 Not Found"), std::string::npos);
}

TEST_F(StreamForward, SaysWhyNothingAnswers) {
  RunWeb(Net::kBridge, "127.0.0.1:8080");
  SpdyClient client(ForwardUrl(pod_), "portforward.k8s.io");
  Pair refused = Dial(client, 8081, 1);
  EXPECT_TRUE(client.ReadUntil([&] { return client.stream(refused.error).ended; }));
  EXPECT_NE(client.stream(refused.error).data.find("Connection refused"), std::string::npos);
  Pair fine = Dial(client, 8080, 2);
  client.Send(fine.data, kAsk);
  EXPECT_TRUE(client.ReadUntil([&] { return client.stream(fine.data).ended; }));
  EXPECT_NE(client.stream(fine.data).data.find("404 Not Found"), std::string::npos);
}

TEST_F(StreamForward, RefusesWhatIsNoPort) {
  pod_ = RunPod(PodConfig("pod"));
  SpdyClient client(ForwardUrl(pod_), "portforward.k8s.io");
  for (const char* port : {"0", "65536", "-1", "http", ""}) {
    uint32_t id = client.Open(SpdyClient::Headers{{"streamtype", "error"}, {"port", port}, {"requestid", "1"}});
    EXPECT_TRUE(client.ReadUntil([&] { return client.stream(id).reset; })) << port;
  }
}

}  // namespace
}  // namespace cradle::test
