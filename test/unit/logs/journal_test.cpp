// A log whose writer is killed again and again, at whatever it is doing, while the container writes at full speed.
#include "logs/journal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <future>
#include <random>
#include <thread>

#include "base/ids.h"
#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "logs/log_thread.h"

namespace cradle::logs {
namespace {

constexpr int kLines = 150'000;
constexpr int kKills = 60;

std::string LineOf(int i) {
  // Now and then longer than a record, a read, and nothing at all.
  size_t width = i % 997 == 0 ? 40'000 : i % 5'003 == 0 ? 100'000 : static_cast<size_t>(i % 90);
  return Cat(std::to_string(i), std::string(width, static_cast<char>('a' + i % 26)));
}

Journal::Parts Copy(const Journal::Parts& parts) {
  return {sys::Dup(parts.memory).value(), sys::Dup(parts.pipe_out).value(), sys::Dup(parts.pipe_in).value()};
}

class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(sys::MakeDirs(dir_, 0755).ok());
    parts_ = Journal::Make().value();
    out_ = sys::MakePipe().value();
    err_ = sys::MakePipe().value();
    for (const sys::Pipe* pipe : {&out_, &err_}) ASSERT_TRUE(sys::SetNonblocking(pipe->read, true).ok());
  }
  void TearDown() override { EXPECT_TRUE(sys::RemoveTree(kCwd, dir_).ok()); }

  std::shared_ptr<Pump> MakePump() {
    return std::make_shared<Pump>(sys::Dup(out_.read).value(), sys::Dup(err_.read).value());
  }
  // A shim's two threads, in a process of their own.
  pid_t StartShim(bool successor) {
    pid_t pid = ::fork();
    if (pid != 0) return pid;
    auto owner = EventLoop::Create().value();
    auto log = LogThread::Start(*owner, Copy(parts_)).value();
    auto pump = MakePump();
    if (successor) pump->SetSlot(0);
    log->Open(pump, path_, [](const Result<>& opened) {
      if (!opened.ok()) ::_exit(1);
    });
    owner->Run();
    ::_exit(1);
  }
  pid_t StartWriter() {
    pid_t pid = ::fork();
    if (pid != 0) return pid;
    std::string block;
    for (int i = 0; i < kLines; ++i) {
      block += LineOf(i) + "\n";
      if (block.size() < static_cast<size_t>(i % 3000) && i + 1 < kLines) continue;
      const UniqueFd& to = out_.write;
      if (!sys::WriteAll(to, block.data(), block.size()).ok()) ::_exit(1);
      block.clear();
    }
    ::_exit(0);
  }
  uint64_t LogSize() {
    auto info = sys::FstatAt(kCwd, path_, 0);
    return info.ok() ? static_cast<uint64_t>(info->st_size) : 0;
  }

  std::string dir_ = "/tmp/cradle-journal-" + RandomHex64().substr(0, 12);
  std::string path_ = dir_ + "/0.log";
  Journal::Parts parts_;
  sys::Pipe out_, err_;
};

TEST_F(JournalTest, NoLineIsLostTornOrDoubledWhenItsWriterIsKilled) {
  std::mt19937 random(7);
  pid_t writer = StartWriter();
  for (int i = 0; i < kKills; ++i) {
    uint64_t enough = LogSize() + random() % 400'000;
    pid_t shim = StartShim(i > 0);
    int status = 0;
    while (LogSize() <= enough && ::waitpid(writer, &status, WNOHANG) == 0) std::this_thread::yield();
    ASSERT_EQ(::kill(shim, SIGKILL), 0);
    ASSERT_EQ(::waitpid(shim, &status, 0), shim);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it couldn't go on";
  }
  out_.write.Reset();
  err_.write.Reset();

  auto owner = EventLoop::Create().value();
  auto log = LogThread::Start(*owner, Copy(parts_)).value();
  auto pump = MakePump();
  pump->SetSlot(0);
  log->Open(pump, path_, [](const Result<>& opened) { EXPECT_TRUE(opened.ok()); });
  // Finish reads a bounded amount: the writer's end comes first.
  while (::waitpid(writer, nullptr, WNOHANG) == 0) std::this_thread::yield();
  log->Finish(pump, seconds(60), [&](uint64_t lost) {
    EXPECT_EQ(lost, 0u);
    owner->Stop();
  });
  owner->Run();
  log.reset();

  std::string text = sys::ReadFile(kCwd, path_, 1 << 30).value(), line;
  int next = 0;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view record = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(record.size() + 1);
    ASSERT_GE(record.size(), kHeadSize);
    line += record.substr(kHeadSize);
    if (record[kTagAt] == 'P') continue;
    ASSERT_EQ(record[kTagAt], 'F');
    ASSERT_EQ(line, LineOf(next)) << "line " << next;
    line.clear();
    ++next;
  }
  EXPECT_EQ(next, kLines);
}

TEST_F(JournalTest, PlacesAreGivenBack) {
  auto journal = Journal::Open(Copy(parts_)).value();
  for (uint32_t i = 0; i < Journal::kSlots; ++i) ASSERT_EQ(journal.Acquire().value(), i);
  EXPECT_EQ(journal.Acquire().error().code(), Code::kResourceExhausted);
  journal.Free(7);
  EXPECT_EQ(journal.Acquire().value(), 7u);
}

}  // namespace
}  // namespace cradle::logs
