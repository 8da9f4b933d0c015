#include "sandbox/readings.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/sys/file.h"
#include "sandbox/refreshed.h"

namespace cradle::sandbox {
namespace {

TEST(ParseNetDev, IsWhatTheKernelPrints) {
  constexpr char kText[] =
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier "
      "compressed\n"
      "    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0  "
      "        0\n"
      "  eth0: 1234567    8910   11   12    0     0          0         0  7654321    1098   21   22    0     0       0  "
      "        0\n"
      "net1:1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n"
      "short: 1 2 3\n";
  auto interfaces = ParseNetDev(kText);
  ASSERT_EQ(interfaces.size(), 2u);
  EXPECT_EQ(interfaces[0].name, "eth0");
  EXPECT_EQ(interfaces[0].received.bytes, 1234567u);
  EXPECT_EQ(interfaces[0].received.packets, 8910u);
  EXPECT_EQ(interfaces[0].received.errors, 11u);
  EXPECT_EQ(interfaces[0].received.dropped, 12u);
  EXPECT_EQ(interfaces[0].sent.bytes, 7654321u);
  EXPECT_EQ(interfaces[0].sent.packets, 1098u);
  EXPECT_EQ(interfaces[0].sent.errors, 21u);
  EXPECT_EQ(interfaces[0].sent.dropped, 22u);
  EXPECT_EQ(interfaces[1].name, "net1");
  EXPECT_EQ(interfaces[1].sent.dropped, 8u);
  EXPECT_TRUE(ParseNetDev("").empty());
}

TEST(CountOpenFiles, OfThisProcessGrowsByWhatItOpens) {
  OpenFiles before = CountOpenFiles({getpid()});
  auto file = sys::OpenAt(kCwd, "/dev/null", O_RDONLY);
  ASSERT_TRUE(file.ok());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  OpenFiles after = CountOpenFiles({getpid(), -1});
  EXPECT_EQ(after.files, before.files + 2);
  EXPECT_EQ(after.sockets, before.sockets + 1);
  EXPECT_EQ(after.soft_limit, static_cast<uint64_t>(sysconf(_SC_OPEN_MAX)));
}

TEST(DeviceName, OfNoBlockDeviceIsItsNumber) { EXPECT_EQ(DeviceName(4095, 77), "4095:77"); }

TEST(Refreshed, AnswersAtOnceAndWalksOnceBehind) {
  std::atomic<int> walks = 0;
  Refreshed<int> figures("test", [&](const std::string& key) {
    ++walks;
    return static_cast<int>(key.size());
  });
  EXPECT_EQ(figures.Get("abc", -1), -1);
  while (figures.Get("abc", -1) != 3) std::this_thread::yield();
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(figures.Get("abc", -1), 3);
  EXPECT_EQ(walks, 1);
  figures.Forget("abc");
  EXPECT_EQ(figures.Get("abc", -1), -1);
}

}  // namespace
}  // namespace cradle::sandbox
