#include "cni/plugin.h"

#include "fixture.h"

namespace cradle::cni {
namespace {

class PluginTest : public testing::Test {
 protected:
  Result<std::string> Run(const std::string& script, milliseconds time = kLong) {
    std::string program = dir_.path() + "/plugin";
    Put(program, "#!/bin/sh\n" + script + "\n", 0755);
    return RunPlugin({program, "plugin test ADD", {"PATH=/usr/bin:/bin"}, "the input"},
                     After(time));
  }
  std::string Failure(const std::string& script) {
    auto result = Run(script);
    return result.ok() ? "it went well" : result.error().text();
  }
  // Every child has been reaped.
  void TearDown() override { EXPECT_EQ(sys::ReapAny()->pid, 0); }

  TempDir dir_;
};

TEST_F(PluginTest, ItReadsItsInputAndItsOutputComesBack) {
  auto result = Run("echo noise >&2; cat");
  ASSERT_OK(result);
  EXPECT_EQ(*result, "the input");
}

TEST_F(PluginTest, NothingOfOursIsOpenInIt) {
  auto result = Run("ls /proc/self/fd | wc -l");
  ASSERT_OK(result);
  EXPECT_EQ(*result, "4\n") << "0, 1, 2 and what ls reads";
}

TEST_F(PluginTest, FailuresAreSentences) {
  EXPECT_EQ(Failure("echo '{\"code\":7,\"msg\":\"no range\"}'; exit 1"),
            "plugin test ADD: no range (code 7)");
  EXPECT_EQ(Failure("echo warning: x >&2; exit 3"),
            "plugin test ADD: exited with 3; it said: warning: x");
  EXPECT_EQ(Failure("kill -9 $$"), "plugin test ADD: killed by signal 9");
  EXPECT_EQ(Run("echo '{\"code\":11,\"msg\":\"later\"}'; exit 1").error().code(),
            Code::kUnavailable);
  EXPECT_EQ(RunPlugin({"/nonexistent", "plugin x", {}, ""}, After(kLong)).error().code(),
            Code::kNotFound);
}

TEST_F(PluginTest, OnlyTheEndOfALongStderrIsKept) {
  std::string text = Failure("yes early | head -c 300000 >&2; echo the reason >&2; exit 1");
  EXPECT_LT(text.size(), 4500u);
  EXPECT_TRUE(text.ends_with("the reason")) << text;
}

TEST_F(PluginTest, EndlessOutputIsCutOff) {
  auto result = Run("exec yes");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().text(), "plugin test ADD: prints more than 1 MiB, killed");
  result = Run("exec yes >&2", milliseconds(200));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), Code::kDeadlineExceeded);
}

TEST_F(PluginTest, AHangingOneIsKilledWithAllItsChildren) {
  // The child holds the write end of a fifo: its end is seen as end of file.
  std::string fifo = dir_.path() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  UniqueFd read(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  std::string said;
  for (milliseconds time{500}; time < 2 * kLong && !said.ends_with("; it said: hanging"); time *= 2) {  // to say so much
    auto result = Run(Cat("trap '' TERM; sleep 1000 > ", fifo, " & echo hanging >&2; wait"), time);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code(), Code::kDeadlineExceeded);
    said = result.error().text();
  }
  EXPECT_EQ(said, "plugin test ADD: no answer in time, killed; it said: hanging");
  auto end = sys::ReadAll(read, 100);
  while (!end.ok() && end.error().err() == EAGAIN)
    end = sys::ReadAll(read, 100);  // the killed child is still exiting
  EXPECT_TRUE(end.ok());
}

TEST_F(PluginTest, AChildThatStaysBehindDoesNotHoldItUp) {
  auto result = Run("sleep 1000 & echo $!", kLong);
  ASSERT_OK(result);
  auto left = sys::PidfdOpen(std::stoi(*result));
  ASSERT_OK(left);
  EXPECT_TRUE(sys::PidfdSendSignal(*left, 9).ok());
}

}  // namespace
}  // namespace cradle::cni
