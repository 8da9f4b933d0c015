// What goes through a relay, how it ends, and that a pipe whose lock is held holds up nobody but its own thread.
#include "shim/relay.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "held_pipe.h"

namespace cradle::shim {
namespace {

constexpr size_t kMuch = 5'000'000;

std::string Pattern(size_t size) {
  std::string text(size, 0);
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 23 + i / 65536 % 3);
  return text;
}

// To its end, or until nothing comes for long.
std::string ReadAll(FdRef fd) {
  std::string all;
  std::vector<char> piece(10'000);
  for (;;) {
    auto there = sys::PollReadable(fd, After(seconds(60)));
    if (!there.ok() || !*there) return all + "(nothing more)";
    auto got = sys::Read(fd, piece.data(), piece.size());
    if (!got.ok() || *got == 0) return all;
    all.append(piece.data(), *got);
  }
}

std::string WriteAll(FdRef fd, std::string_view bytes) {
  while (!bytes.empty()) {
    auto room = sys::PollWritable(fd, After(seconds(60)));
    if (!room.ok() || !*room) return "no room";
    auto written = sys::Write(fd, bytes.data(), std::min<size_t>(bytes.size(), 30'000));
    if (!written.ok()) return written.error().text();
    bytes.remove_prefix(*written);
  }
  return "";
}

class RelayTest : public ::testing::Test {
 protected:
  RelayTest() { ::signal(SIGPIPE, SIG_IGN); }
  // Its threads end by themselves.
  ~RelayTest() override {
    Deadline deadline = After(seconds(60));
    auto threads = [] {
      return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
    };
    while (threads() > 1 && MillisLeft(deadline) > 0) sched_yield();
    EXPECT_EQ(threads(), 1);
  }
  Relay::Ends Output() {
    auto ends = relay_.AddOutput();
    EXPECT_TRUE(ends.ok());
    return std::move(*ends);
  }
  Relay::Ends Input() {
    auto ends = relay_.AddInput();
    EXPECT_TRUE(ends.ok());
    return std::move(*ends);
  }
  static std::string PathOf(FdRef fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }
  Relay relay_;
};

// The command's output goes nowhere while nobody reads; its errors come all the same.
TEST_F(RelayTest, CarriesEachStreamWholeAndToItsEnd) {
  auto in = Input(), out = Output(), err = Output();
  ASSERT_TRUE(relay_.Start().ok());
  const std::string much = Pattern(kMuch);
  std::jthread client([&] {
    EXPECT_EQ(WriteAll(in.ours, much), "");
    in.ours.Reset();
  });
  std::jthread command([&] {
    EXPECT_EQ(WriteAll(err.theirs, "begun"), "");
    err.theirs.Reset();
    const std::string got = ReadAll(in.theirs);
    EXPECT_EQ(got.size(), much.size());
    EXPECT_EQ(WriteAll(out.theirs, got), "");
    out.theirs.Reset();
  });
  EXPECT_EQ(ReadAll(err.ours), "begun");
  const std::string back = ReadAll(out.ours);
  EXPECT_EQ(back.size(), much.size());
  EXPECT_TRUE(back == much);
}

TEST_F(RelayTest, GivesWhatThePipeHoldsWhenNoMoreIsWanted) {
  auto out = Output();
  ASSERT_TRUE(relay_.Start().ok());
  EXPECT_EQ(WriteAll(out.theirs, "said"), "");
  ASSERT_TRUE(sys::Shutdown(out.ours, SHUT_WR).ok());
  EXPECT_EQ(ReadAll(out.ours), "said");
}

TEST_F(RelayTest, DoesNotWaitForWhoNeverStopsWriting) {
  auto out = Output();
  ASSERT_TRUE(relay_.Start().ok());
  std::jthread command([&] {
    const std::string piece(4096, 'x');
    while (::write(out.theirs.get(), piece.data(), piece.size()) > 0) {
    }
    EXPECT_EQ(errno, EPIPE);
  });
  ASSERT_TRUE(sys::PollReadable(out.ours, After(seconds(60))).ok());
  ASSERT_TRUE(sys::Shutdown(out.ours, SHUT_WR).ok());
  EXPECT_EQ(ReadAll(out.ours).find_first_not_of('x'), std::string::npos);
}

TEST_F(RelayTest, EndsWhereNobodyTakesIt) {
  auto in = Input(), out = Output();
  ASSERT_TRUE(relay_.Start().ok());
  out.ours.Reset();
  in.theirs.Reset();
  const std::string piece(4096, 'x');
  while (::write(out.theirs.get(), piece.data(), piece.size()) > 0) {
  }
  EXPECT_EQ(errno, EPIPE);
  EXPECT_EQ(ReadAll(in.ours), "");
}

TEST_F(RelayTest, OneThatIsNotStartedLeavesNothing) {
  UniqueFd ours;
  {
    Relay relay;
    auto ends = relay.AddOutput();
    ASSERT_TRUE(ends.ok());
    ours = std::move(ends->ours);
  }
  EXPECT_EQ(ReadAll(ours), "");
}

TEST_F(RelayTest, APipeThatIsHeldHoldsUpNobodyElse) {
  auto held = Output(), in = Input();
  ASSERT_TRUE(relay_.Start().ok());
  Relay another;
  auto other = another.AddOutput();
  ASSERT_TRUE(other.ok() && another.Start().ok());
  EXPECT_EQ(WriteAll(held.theirs, "before"), "");
  test::HeldPipe holder(PathOf(held.theirs));
  // The relay's own thread may be inside read(2) of it by now, and sleep. Nobody here does.
  EXPECT_EQ(WriteAll(other->theirs, "on"), "");
  other->theirs.Reset();
  EXPECT_EQ(ReadAll(other->ours), "on");
  ASSERT_TRUE(sys::Shutdown(held.ours, SHUT_WR).ok());
  held.ours.Reset();
  in.ours.Reset();
  holder.Release();
}

}  // namespace
}  // namespace cradle::shim
