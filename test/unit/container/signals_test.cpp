#include <gtest/gtest.h>
#include <signal.h>

#include "container/build_plan.h"

namespace cradle::container {
namespace {

Result<int> Parse(const std::string& text) {
  ContainerSpec spec;
  spec.stop_signal = text;
  return StopSignal(spec, {});
}

TEST(StopSignal, NamesAndNumbers) {
  const std::pair<const char*, int> cases[] = {
      {"", SIGTERM},       {"SIGTERM", SIGTERM},  {"TERM", SIGTERM}, {"sigint", SIGINT},   {"15", 15},
      {"SIGRTMIN", 34},    {"SIGRTMIN+3", 37},    {"RTMAX-14", 50},  {"SIGRTMAX", 64},     {"64", 64},
      {"SIGIOT", SIGABRT}, {"SIGCLD", SIGCHLD},   {"SIGPOLL", SIGIO}, {"SIGRTMIN+30", 64}, {"1", 1}};
  for (const auto& [text, expected] : cases) {
    const auto signal = Parse(text);
    ASSERT_TRUE(signal.ok()) << text;
    EXPECT_EQ(*signal, expected) << text;
  }
}

TEST(StopSignal, NoSignalIsRefusedWithItsText) {
  for (const char* bad : {"SIGNOPE", "0", "65", "-1", "SIG", "SIGRTMIN+31", "SIGRTMIN-1", "SIGRTMAX+1", "SIGRTMIN+",
                          "15x", " TERM", "99999999999"}) {
    const auto signal = Parse(bad);
    ASSERT_FALSE(signal.ok()) << bad;
    EXPECT_EQ(signal.error().code(), Code::kInvalidArgument);
    EXPECT_EQ(signal.error().text(), Cat("stop_signal \"", bad, "\" is no signal"));
  }
}

TEST(StopSignal, TheRequestsComesBeforeTheImages) {
  ContainerSpec spec;
  image::ImageConfig image;
  image.stop_signal = "SIGQUIT";
  EXPECT_EQ(*StopSignal(spec, image), SIGQUIT);
  spec.stop_signal = "SIGUSR1";
  EXPECT_EQ(*StopSignal(spec, image), SIGUSR1);
  image.stop_signal = "rubbish";
  EXPECT_TRUE(StopSignal(spec, image).ok());
  spec.stop_signal.clear();
  EXPECT_FALSE(StopSignal(spec, image).ok());
}

TEST(SignalName, IsWhatStopSignalReads) {
  EXPECT_EQ(SignalName(SIGABRT), "SIGABRT");
  EXPECT_EQ(SignalName(37), "SIGRTMIN+3");
  EXPECT_EQ(SignalName(63), "SIGRTMAX-1");
  EXPECT_EQ(SignalName(200), "200");
  for (int signal = 1; signal <= 64; ++signal) {
    if (signal == 32 || signal == 33) continue;
    EXPECT_TRUE(SignalName(signal).starts_with("SIG")) << signal;
    EXPECT_EQ(*Parse(SignalName(signal)), signal);
  }
}

}  // namespace
}  // namespace cradle::container
