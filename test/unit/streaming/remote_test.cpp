#include "streaming/remote.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "streaming/command.h"
#include "streaming/negotiate.h"

namespace cradle::streaming {
namespace {

TEST(Url, HasAddressPortAndPath) {
  Url url = *ParseUrl("http://127.0.0.1:38211/exec/abc");
  EXPECT_EQ(url.address, "127.0.0.1");
  EXPECT_EQ(url.port, 38211);
  EXPECT_EQ(url.path, "/exec/abc");
  EXPECT_EQ(ParseUrl("http://[::1]:80/x")->address, "::1");
  for (const char* bad : {"", "127.0.0.1:80/x", "https://127.0.0.1:80/x", "http://127.0.0.1/x", "http://127.0.0.1:80",
                          "http://127.0.0.1:99999/x", "http://127.0.0.1:8x/x"})
    EXPECT_FALSE(ParseUrl(bad).ok()) << bad;
}

// Both sides in one loop: ours as a client, and the server of an exec that sends back what it gets.
class RemoteTest : public ::testing::Test, private Remote::Handler, private CommandClient::Handler {
 protected:
  void SetUp() override {
    loop_ = std::move(*EventLoop::Create());
    scratch_ = std::move(*sys::PageBuffer::Map(64 * 1024));
    listener_ = std::move(*sys::ListenTcp("127.0.0.1", 0, 1));
    watchdog_ = loop_->RunAt(After(seconds(30)), [this] { loop_->Stop(); });
  }
  // Answers the request that comes with `answer`, then serves a session if `plan` says so.
  void Dial(const std::string& answer, bool serve) {
    std::string url = Cat("http://127.0.0.1:", std::to_string(*sys::LocalPort(listener_)), "/exec/token");
    remote_ = std::move(*Remote::Dial(*loop_, scratch_, url, "v4.channel.k8s.io", *this));
    ASSERT_TRUE(*sys::PollReadable(listener_, After(seconds(30))));
    UniqueFd socket = std::move(*sys::Accept(listener_, 0));
    char head[4096];
    auto got = sys::Read(socket, head, sizeof head);
    ASSERT_TRUE(got.ok());
    request_.assign(head, *got);
    if (!serve) {
      ASSERT_TRUE(sys::WriteAll(socket, answer.data(), answer.size()).ok());
      return;
    }
    SessionPlan plan;
    plan.protocol = "v4.channel.k8s.io";
    plan.answer = answer;
    plan.streams = {.in = true, .out = true, .err = true, .tty = false};
    server_ = CommandClient::Make(*loop_, scratch_, plan, std::move(socket), *this);
    ASSERT_TRUE(server_->Begin(plan).ok());
  }

  void OnAccepted() override {
    // Input may come before all streams are there: it is kept.
    error_ = remote_->Open({{"streamtype", "error"}});
    in_ = remote_->Open({{"streamtype", "stdin"}});
    remote_->Send(in_, "early ");
    out_ = remote_->Open({{"streamtype", "stdout"}});
    remote_->Open({{"streamtype", "stderr"}});
    remote_->Send(in_, "late", true);
  }
  void OnData(uint32_t stream, std::string_view bytes, bool) override {
    if (stream == out_) output_.append(bytes);
    if (stream == error_) status_.append(bytes);
  }
  void OnReset(uint32_t) override {}
  void OnRoom() override {}
  void OnGone(std::string_view why) override {
    if (std::exchange(gone_, true)) return;
    why_ = std::string(why);
    loop_->Stop();
  }

  void OnReady() override { ready_ = true; }
  void OnInput(std::string_view bytes) override {
    EXPECT_TRUE(ready_);
    server_->Output(Channel::kStdout, bytes);
  }
  void OnInputEnd() override { server_->Finish(Status::Exited(0)); }
  void OnResize(Size) override {}

  std::unique_ptr<EventLoop> loop_;
  sys::PageBuffer scratch_;
  UniqueFd listener_;
  EventLoop::Timer watchdog_;
  std::unique_ptr<Remote> remote_;
  std::unique_ptr<CommandClient> server_;
  std::string request_, output_, status_, why_;
  uint32_t error_ = 0, in_ = 0, out_ = 0;
  bool ready_ = false, gone_ = false;
};

TEST_F(RemoteTest, SpeaksWithOurServer) {
  Dial("HTTP/1.1 101 Switching Protocols\r\n\r\n", true);
  loop_->Run();
  EXPECT_TRUE(request_.starts_with("POST /exec/token HTTP/1.1\r\n")) << request_;
  EXPECT_EQ(output_, "early late");
  EXPECT_EQ(status_, R"({"metadata":{},"status":"Success"})");
  EXPECT_EQ(why_, "");
}

TEST_F(RemoteTest, TellsWhyItIsRefused) {
  Dial(Refusal(404, "the token is unknown"), false);
  loop_->Run();
  EXPECT_EQ(why_, "refused: the token is unknown");
}

TEST_F(RemoteTest, IsToldOfAnEndWithoutAnAnswer) {
  Dial("", false);
  loop_->Run();
  EXPECT_NE(why_, "");
}

}  // namespace
}  // namespace cradle::streaming
