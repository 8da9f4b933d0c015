// Connection and Sink on real sockets and pipes, with the loop in the test's own thread.
#include "streaming/connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <optional>

#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "streaming/sink.h"

namespace cradle::streaming {
namespace {

class Told final : public Connection::Handler {
 public:
  explicit Told(EventLoop& loop) : loop_(loop) {}
  void OnBytes(char* data, size_t size) override {
    bytes.append(data, size);
    if (stop_at && bytes.size() >= stop_at) loop_.Stop();
  }
  void OnRoom() override {
    ++rooms;
    if (on_room) on_room();
  }
  void OnGone(std::string_view why) override {
    gone = std::string(why);
    loop_.Stop();
  }
  std::string bytes;
  size_t stop_at = 0;
  int rooms = 0;
  std::function<void()> on_room;
  std::optional<std::string> gone;

 private:
  EventLoop& loop_;
};

class ConnectionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = std::move(*EventLoop::Create());
    scratch_ = std::move(*sys::PageBuffer::Map(64 * 1024));
    auto pair = std::move(*sys::MakeSocketPair(SOCK_STREAM));
    peer_ = std::move(pair.first);
    told_ = std::make_unique<Told>(*loop_);
    connection_ = std::make_unique<Connection>(*loop_, std::move(pair.second), scratch_, *told_);
    watchdog_ = loop_->RunAt(After(seconds(30)), [this] { loop_->Stop(); });
  }
  // Reads what there is at the peer's end.
  std::string ReadSome() {
    std::string out(1 << 20, '\0');
    auto got = sys::Read(peer_, out.data(), out.size());
    out.resize(got.ok() ? *got : 0);
    return out;
  }

  std::unique_ptr<EventLoop> loop_;
  sys::PageBuffer scratch_;
  UniqueFd peer_;
  std::unique_ptr<Told> told_;
  std::unique_ptr<Connection> connection_;
  EventLoop::Timer watchdog_;
};

TEST_F(ConnectionTest, AnswersAndGivesWhatCameBefore) {
  ASSERT_TRUE(connection_->Begin("answer", "before").ok());
  EXPECT_EQ(told_->bytes, "before");
  EXPECT_EQ(ReadSome(), "answer");
  ASSERT_TRUE(sys::WriteAll(peer_, "after", 5).ok());
  told_->stop_at = 11;
  loop_->Run();
  EXPECT_EQ(told_->bytes, "beforeafter");
}

TEST_F(ConnectionTest, QueuesWhatAPeerDoesNotReadAndSaysWhenThereIsRoom) {
  ASSERT_TRUE(connection_->Begin("", "").ok());
  std::string piece(64 * 1024, 'x'), got;
  size_t sent = 0;
  while (!connection_->full()) {
    connection_->Write("head", piece);
    sent += 4 + piece.size();
  }
  ASSERT_TRUE(sys::SetNonblocking(peer_, true).ok());
  told_->on_room = [&] { loop_->Stop(); };
  auto reading = loop_->Add(peer_, EPOLLIN, [&](uint32_t) { got += ReadSome(); });
  loop_->Run();
  EXPECT_EQ(told_->rooms, 1);
  EXPECT_FALSE(connection_->full());
  got += ReadSome();
  EXPECT_EQ(got.size(), sent);
  EXPECT_EQ(got.substr(0, 5), "headx");
}

TEST_F(ConnectionTest, FinishSendsAllThenWaitsForThePeersEnd) {
  ASSERT_TRUE(connection_->Begin("", "").ok());
  connection_->Write("last words");
  ASSERT_TRUE(sys::WriteAll(peer_, "unread", 6).ok());
  connection_->Finish();
  EXPECT_EQ(ReadSome(), "last words");
  EXPECT_EQ(ReadSome(), "");
  EXPECT_FALSE(told_->gone);
  peer_.Reset();
  loop_->Run();
  ASSERT_TRUE(told_->gone);
  EXPECT_EQ(*told_->gone, "");
  EXPECT_EQ(told_->bytes, "");
}

TEST_F(ConnectionTest, SeesThePeersEndWhilePaused) {
  ASSERT_TRUE(connection_->Begin("", "").ok());
  connection_->PauseReading(true);
  ASSERT_TRUE(sys::WriteAll(peer_, "unread", 6).ok());
  peer_.Reset();
  loop_->Run();
  EXPECT_TRUE(told_->gone);
  EXPECT_EQ(told_->bytes, "");
}

TEST_F(ConnectionTest, DropsAPeerThatMakesTheQueueGrow) {
  ASSERT_TRUE(connection_->Begin("", "").ok());
  std::string piece(64 * 1024, 'x');
  for (int i = 0; i < 40; ++i) connection_->Write(piece);
  ASSERT_TRUE(sys::WriteAll(peer_, "x", 1).ok());
  loop_->Run();
  ASSERT_TRUE(told_->gone);
  EXPECT_NE(*told_->gone, "");
}

TEST_F(ConnectionTest, SpeaksUpWhenItIsQuiet) {
  ASSERT_TRUE(connection_->Begin("answer", "").ok());
  connection_->KeepAlive("ping", milliseconds(1));
  std::string got;
  auto reading = loop_->Add(peer_, EPOLLIN, [&](uint32_t) {
    got += ReadSome();
    if (got.size() >= 14) loop_->Stop();
  });
  loop_->Run();
  EXPECT_TRUE(got.starts_with("answerpingping")) << got;
}

TEST(SinkTest, KeepsWhatThePipeDoesNotTakeThenEnds) {
  auto loop = std::move(*EventLoop::Create());
  auto pipe = std::move(*sys::MakePipe());
  ASSERT_TRUE(sys::SetNonblocking(pipe.write, true).ok());
  ASSERT_TRUE(sys::SetNonblocking(pipe.read, true).ok());
  Sink sink(*loop, std::move(pipe.write));
  int rooms = 0;
  sink.OnRoom(&rooms, [&] { ++rooms; });
  std::string piece(50'000, 'y');
  size_t sent = 0;
  for (; !sink.full(); sent += piece.size()) sink.Write(piece);
  sink.End();
  sink.Write("dropped");
  std::string got(1 << 20, '\0');
  size_t total = 0;
  auto reading = loop->Add(pipe.read, EPOLLIN, [&](uint32_t) {
    auto some = sys::Read(pipe.read, got.data(), got.size());
    if (some.ok() && *some == 0) loop->Stop();
    if (some.ok()) total += *some;
  });
  auto watchdog = loop->RunAt(After(seconds(30)), [&] { loop->Stop(); });
  loop->Run();
  EXPECT_EQ(total, sent);
  EXPECT_EQ(rooms, 1);
  EXPECT_FALSE(sink.fd().valid());
}

}  // namespace
}  // namespace cradle::streaming
