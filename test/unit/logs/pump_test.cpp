// Pumps on a log thread, with real pipes, a real terminal and real files.
#include "logs/pump.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <future>
#include <thread>

#include "base/ids.h"
#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "logs/log_thread.h"

namespace cradle::logs {
namespace {

struct Line {
  std::string stamp, stream, tag, content;
};

std::vector<Line> Lines(const std::string& path) {
  std::string text = sys::ReadFile(kCwd, path, 256 << 20).value();
  std::vector<Line> out;
  for (std::string_view rest = text; !rest.empty();) {
    size_t end = rest.find('\n');
    EXPECT_NE(end, std::string_view::npos) << "a torn record";
    std::string_view line = rest.substr(0, end);
    EXPECT_GE(line.size(), kHeadSize);
    out.push_back({std::string(line.substr(0, kStampSize)), std::string(line.substr(31, 6)),
                   std::string(line.substr(kTagAt, 1)), std::string(line.substr(kHeadSize))});
    rest.remove_prefix(end + 1);
  }
  return out;
}

class PumpTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(sys::MakeDirs(dir_, 0755).ok());
    owner_ = EventLoop::Create().value();
    log_ = LogThread::Start(*owner_, Journal::Make().value()).value();
    runner_ = std::thread([this] { owner_->Run(); });
  }
  void TearDown() override {
    owner_->Stop();
    runner_.join();
    log_.reset();
    EXPECT_TRUE(sys::RemoveTree(kCwd, dir_).ok());
  }
  std::shared_ptr<Pump> MakePump() {
    sys::Pipe out = sys::MakePipe().value(), err = sys::MakePipe().value();
    EXPECT_TRUE(sys::SetNonblocking(out.read, true).ok());
    EXPECT_TRUE(sys::SetNonblocking(err.read, true).ok());
    out_ = std::move(out.write);
    err_ = std::move(err.write);
    return std::make_shared<Pump>(std::move(out.read), std::move(err.read));
  }
  Result<> Open(std::shared_ptr<Pump> pump, const std::string& path) {
    auto done = std::make_shared<std::promise<Result<>>>();
    owner_->Post([=, this] {
      log_->Open(pump, path, [done](Result<> result) { done->set_value(std::move(result)); });
    });
    return done->get_future().get();
  }
  Result<> Reopen(std::shared_ptr<Pump> pump) {
    auto done = std::make_shared<std::promise<Result<>>>();
    owner_->Post([=, this] {
      log_->Reopen(pump, [done](Result<> result) { done->set_value(std::move(result)); });
    });
    return done->get_future().get();
  }
  uint64_t Finish(std::shared_ptr<Pump> pump, milliseconds grace) {
    auto done = std::make_shared<std::promise<uint64_t>>();
    owner_->Post([=, this] {
      log_->Finish(pump, grace, [done](uint64_t lost) { done->set_value(lost); });
    });
    return done->get_future().get();
  }
  void Write(const UniqueFd& to, std::string_view text) {
    ASSERT_TRUE(sys::WriteAll(to, text.data(), text.size()).ok());
  }

  std::string dir_ = "/tmp/cradle-pump-" + RandomHex64().substr(0, 12);
  std::string path_ = dir_ + "/0.log";
  std::unique_ptr<EventLoop> owner_;
  std::unique_ptr<LogThread> log_;
  std::thread runner_;
  UniqueFd out_, err_;
};

TEST_F(PumpTest, BothStreamsReachTheFile) {
  auto pump = MakePump();
  ASSERT_TRUE(Open(pump, path_).ok());
  EXPECT_TRUE(sys::Exists(kCwd, path_));
  Write(out_, "to out\n\nunfinished");
  Write(err_, "to err\n");
  out_.Reset();
  err_.Reset();
  EXPECT_EQ(Finish(pump, seconds(60)), 0u);
  std::string out, err;
  for (const Line& line : Lines(path_)) (line.stream == "stdout" ? out : err) += line.tag + line.content + "|";
  EXPECT_EQ(out, "Fto out|F|Funfinished|");
  EXPECT_EQ(err, "Fto err|");
}

TEST_F(PumpTest, FinishDoesNotWaitForOtherHoldersOfThePipe) {
  auto pump = MakePump();
  ASSERT_TRUE(Open(pump, path_).ok());
  Write(out_, "said\nunfinished");
  EXPECT_EQ(Finish(pump, milliseconds(1)), 0u);
  auto lines = Lines(path_);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1].content, "unfinished");
}

TEST_F(PumpTest, AFailedOpenMayBeTriedAgain) {
  auto pump = MakePump();
  EXPECT_EQ(Open(pump, dir_ + "/no/0.log").error().code(), Code::kNotFound);
  Write(out_, "kept\n");
  ASSERT_TRUE(Open(pump, path_).ok());
  out_.Reset();
  err_.Reset();
  Finish(pump, seconds(60));
  ASSERT_EQ(Lines(path_).size(), 1u);
}

TEST_F(PumpTest, NothingIsLostOrTornWhileReopenedUnderLoad) {
  constexpr int kLines = 200'000;
  constexpr int kReopens = 50;
  auto pump = MakePump();
  ASSERT_TRUE(Open(pump, path_).ok());
  std::thread writer([this] {
    for (int i = 0; i < kLines; ++i) Write(out_, Cat("line ", std::to_string(i), "\n"));
    out_.Reset();
  });
  for (int i = 0; i < kReopens; ++i) {
    ASSERT_TRUE(sys::RenameAt(kCwd, path_, kCwd, Cat(path_, ".", std::to_string(i))).ok());
    ASSERT_TRUE(Reopen(pump).ok());
    ASSERT_TRUE(sys::Exists(kCwd, path_));
  }
  writer.join();
  err_.Reset();
  EXPECT_EQ(Finish(pump, seconds(60)), 0u);
  std::vector<Line> all;
  for (int i = 0; i <= kReopens; ++i) {
    auto part = Lines(i < kReopens ? Cat(path_, ".", std::to_string(i)) : path_);
    all.insert(all.end(), part.begin(), part.end());
  }
  ASSERT_EQ(all.size(), static_cast<size_t>(kLines));
  for (int i = 0; i < kLines; ++i) {
    size_t at = static_cast<size_t>(i);
    ASSERT_EQ(all[at].content, Cat("line ", std::to_string(i)));
    ASSERT_LE(all[i > 0 ? at - 1 : at].stamp, all[at].stamp) << "time went back";
  }
}

TEST_F(PumpTest, ABusyContainerDoesNotStarveItsNeighbour) {
  auto busy = MakePump();
  UniqueFd busy_out = std::move(out_), busy_err = std::move(err_);
  ASSERT_TRUE(Open(busy, "").ok());
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    std::string block(64 * 1024, 'y');
    while (!stop) Write(busy_out, block);
  });
  auto quiet = MakePump();
  ASSERT_TRUE(Open(quiet, path_).ok());
  Write(out_, "heard\n");
  out_.Reset();
  err_.Reset();
  EXPECT_EQ(Finish(quiet, seconds(60)), 0u);
  EXPECT_EQ(Lines(path_).size(), 1u);
  stop = true;
  writer.join();
  Finish(busy, milliseconds(1));
}

TEST_F(PumpTest, ATerminalIsReadAsStdoutAndSurvivesMomentsWithoutAHolder) {
  UniqueFd master = sys::OpenAt(kCwd, "/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK).value();
  ASSERT_EQ(unlockpt(master.get()), 0);
  UniqueFd peer = sys::OpenTerminalPeer(master).value();
  UniqueFd first = sys::OpenTerminalPeer(master).value();
  UniqueFd again = sys::Dup(master).value();
  auto pump = std::make_shared<Pump>(Pump::Terminal{std::move(master), std::move(peer)});
  ASSERT_TRUE(Open(pump, path_).ok());
  Write(first, "one\n");
  first.Reset();
  UniqueFd second = sys::OpenTerminalPeer(again).value();
  Write(second, "two\n");
  second.Reset();
  again.Reset();
  EXPECT_EQ(Finish(pump, seconds(60)), 0u);
  auto lines = Lines(path_);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].stream + lines[0].content, "stdoutone\r");
  EXPECT_EQ(lines[1].content, "two\r");
}

}  // namespace
}  // namespace cradle::logs
