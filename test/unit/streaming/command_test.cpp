// WebSocket clients of an exec and of a port-forward, at the other end of a socket pair.
#include "streaming/command.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <optional>

#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "streaming/base64.h"
#include "streaming/forward.h"

namespace cradle::streaming {
namespace {

// A client's frame, with a mask of zeros.
std::string Frame(uint8_t opcode, const std::string& payload) {
  return std::string{static_cast<char>(0x80 | opcode), static_cast<char>(0x80 | payload.size()), 0, 0, 0, 0} + payload;
}
std::string Binary(int channel, const std::string& bytes) { return Frame(2, static_cast<char>(channel) + bytes); }
std::string Text(int channel, const std::string& bytes) {
  return Frame(1, std::to_string(channel) + EncodeBase64(bytes));
}
// The server's, unmasked.
std::string Sent(const std::string& frame) {
  std::string out = frame.substr(0, 2) + frame.substr(6);
  out[1] = static_cast<char>(out[1] & 0x7f);
  return out;
}

class Wires : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = std::move(*EventLoop::Create());
    scratch_ = std::move(*sys::PageBuffer::Map(64 * 1024));
    auto pair = std::move(*sys::MakeSocketPair(SOCK_STREAM));
    peer_ = std::move(pair.first);
    server_ = std::move(pair.second);
    ASSERT_TRUE(sys::SetNonblocking(peer_, true).ok());
    watchdog_ = loop_->RunAt(After(seconds(30)), [this] { loop_->Stop(); });
  }
  std::string ReadSome() {
    std::string out(1 << 16, '\0');
    auto got = sys::Read(peer_, out.data(), out.size());
    out.resize(got.ok() ? *got : 0);
    return out;
  }
  void Write(const std::string& bytes) { ASSERT_TRUE(sys::WriteAll(peer_, bytes.data(), bytes.size()).ok()); }

  std::unique_ptr<EventLoop> loop_;
  sys::PageBuffer scratch_;
  UniqueFd peer_, server_;
  EventLoop::Timer watchdog_;
};

class CommandTest : public Wires, public CommandClient::Handler {
 protected:
  void Begin(const std::string& protocol, Streams streams, const std::string& leftover = "") {
    SessionPlan plan;
    plan.wire = Wire::kWebSocket;
    plan.protocol = protocol;
    plan.streams = streams;
    plan.answer = "answer;";
    plan.leftover = leftover;
    client_ = CommandClient::Make(*loop_, scratch_, plan, std::move(server_), *this);
    ASSERT_TRUE(client_->Begin(plan).ok());
  }
  void OnReady() override { told_ += "ready;"; }
  void OnInput(std::string_view bytes) override { told_ += Cat("in ", bytes, ";"); }
  void OnInputEnd() override { told_ += "end;"; }
  void OnResize(Size size) override { told_ += Cat("size ", std::to_string(size.width), ";"); }
  void OnRoom() override {}
  void OnGone(std::string_view why) override {
    gone_ = std::string(why);
    loop_->Stop();
  }
  std::unique_ptr<CommandClient> client_;
  std::string told_;
  std::optional<std::string> gone_;
};

constexpr Streams kAll{true, true, true, false};
constexpr Streams kTerminal{true, true, false, true};

TEST_F(CommandTest, VersionFiveHalfClosesAndEndsWithCode1000) {
  Begin("v5.channel.k8s.io", kAll, Binary(0, "typed") + Binary(7, "nobody's") + Frame(2, "") + Binary(255, {'\0'}) +
                                       Binary(0, "too late"));
  EXPECT_EQ(told_, "ready;in typed;end;");
  client_->Output(Channel::kStdout, "out");
  client_->Output(Channel::kStderr, "err");
  client_->Finish(Status());
  EXPECT_EQ(ReadSome(), "answer;" + Sent(Binary(1, "")) + Sent(Binary(1, "out")) + Sent(Binary(2, "err")) +
                            Sent(Binary(3, R"({"metadata":{},"status":"Success"})")) + "\x88\x02\x03\xe8");
  Write(Frame(8, "\x03\xe8"));
  auto reading = loop_->Add(peer_, EPOLLIN, [&](uint32_t) {
    EXPECT_EQ(ReadSome(), "");  // the server's end
    loop_->Stop();
  });
  loop_->Run();
  EXPECT_FALSE(gone_);
}

TEST_F(CommandTest, VersionFourKnowsNoHalfClose) {
  Begin("v4.channel.k8s.io", kAll, Binary(255, {'\0'}) + Binary(0, "x"));
  EXPECT_EQ(told_, "ready;in x;");
}

TEST_F(CommandTest, TheOldestSayNothingOfSuccessAndErrorsInWords) {
  Begin("", {false, true, false, false}, Binary(0, "not asked for"));
  client_->Output(Channel::kStderr, "not asked for");
  client_->Finish(Status::Failed("no"));
  EXPECT_EQ(told_, "ready;");
  EXPECT_EQ(ReadSome(), "answer;" + Sent(Binary(1, "")) + Sent(Binary(3, "no")) + "\x88\x02\x03\xe8");
}

TEST_F(CommandTest, Base64IsTextBothWays) {
  Begin("v4.base64.channel.k8s.io", kTerminal,
        Text(0, std::string("\0\xff", 2)) + Text(4, R"({"Width":80,"Height":24})") + Binary(0, "no text"));
  EXPECT_EQ(told_, std::string("ready;in \0\xff;size 80;", 20));
  client_->Output(Channel::kStdout, "hi");
  EXPECT_EQ(ReadSome(), "answer;" + Sent(Text(1, "")) + Sent(Text(1, "hi")));
}

TEST_F(CommandTest, AnswersPings) {
  Begin("v4.channel.k8s.io", kAll, Frame(9, "there?"));
  EXPECT_EQ(ReadSome(), "answer;" + Sent(Binary(1, "")) + Sent(Frame(10, "there?")));
}

TEST_F(CommandTest, AMalformedFrameEndsTheSession) {
  Begin("v5.channel.k8s.io", kAll);
  Write("\x82\x01unmasked");
  loop_->Run();
  ASSERT_TRUE(gone_);
  EXPECT_NE(gone_->find("masked"), std::string::npos);
}

class ForwardTest : public Wires, public ForwardClient::Handler {
 protected:
  void OnOpen(uint32_t key, uint16_t port) override {
    told_ += Cat("open ", std::to_string(key), " ", std::to_string(port), ";");
  }
  void OnData(uint32_t key, std::string_view bytes) override { told_ += Cat(std::to_string(key), " ", bytes, ";"); }
  void OnDataEnd(uint32_t) override {}
  void OnReset(uint32_t) override {}
  void OnRoom() override {}
  void OnGone(std::string_view) override { loop_->Stop(); }
  std::string told_;
};

TEST_F(ForwardTest, ChannelsComeInPairsThatBeginWithTheirPort) {
  SessionPlan plan;
  plan.kind = Kind::kPortForward;
  plan.wire = Wire::kWebSocket;
  plan.protocol = "v4.channel.k8s.io";
  plan.ports = {80, 0x1234};
  plan.leftover = Binary(0, "to 80") + Binary(2, "to 1234") + Binary(1, "an error of the client's") + Binary(9, "x");
  auto client = ForwardClient::Make(*loop_, scratch_, plan, std::move(server_), *this);
  ASSERT_TRUE(client->Begin(plan).ok());
  EXPECT_EQ(told_, "open 0 80;open 1 4660;0 to 80;1 to 1234;");
  client->Data(1, "back");
  client->Refuse(0, "refused");
  const std::string eighty("\x50\x00", 2), other("\x34\x12", 2);
  EXPECT_EQ(ReadSome(), Sent(Binary(0, eighty)) + Sent(Binary(1, eighty)) + Sent(Binary(2, other)) +
                            Sent(Binary(3, other)) + Sent(Binary(2, "back")) + Sent(Binary(1, "refused")));
  client->Forget(1);
  EXPECT_EQ(ReadSome(), "\x88\x02\x03\xe8");
}

}  // namespace
}  // namespace cradle::streaming
