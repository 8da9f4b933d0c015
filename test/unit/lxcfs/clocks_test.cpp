#include "lxcfs/clocks.h"

#include <gtest/gtest.h>

namespace cradle::lxcfs {
namespace {

constexpr uint64_t kSecond = 1'000'000;

TEST(CpuClock, SharesTimeBetweenUsedStolenAndIdle) {
  CpuClock clock;
  auto times = clock.Look(10 * kSecond, 2, 3 * kSecond, 1 * kSecond, 5 * kSecond);
  EXPECT_EQ(times.user, 3 * kSecond);
  EXPECT_EQ(times.system, 1 * kSecond);
  EXPECT_EQ(times.steal, 5 * kSecond);
  EXPECT_EQ(times.idle, 11 * kSecond);
}

TEST(CpuClock, TakesNoMoreThrottlingThanThereIsRoomFor) {
  CpuClock clock;
  auto times = clock.Look(10 * kSecond, 1, 8 * kSecond, 0, 500 * kSecond);
  EXPECT_EQ(times.steal, 2 * kSecond);
  EXPECT_EQ(times.idle, 0u);
}

TEST(CpuClock, NeverStepsBackWhenProcessorsOrCountersDo) {
  CpuClock clock;
  auto before = clock.Look(10 * kSecond, 4, 5 * kSecond, 0, 0);
  auto after = clock.Look(11 * kSecond, 1, 4 * kSecond, 0, 0);
  EXPECT_GE(after.user, before.user);
  EXPECT_GE(after.idle, before.idle);
  EXPECT_LE(after.idle - before.idle, kSecond);
}

TEST(CpuClock, AddsProcessorsFromTheMomentTheyAreThere) {
  CpuClock clock;
  auto one = clock.Look(100 * kSecond, 1, 0, 0, 0);
  auto two = clock.Look(101 * kSecond, 2, 0, 0, 0);
  EXPECT_EQ(one.idle, 100 * kSecond);
  EXPECT_EQ(two.idle - one.idle, 2 * kSecond);
}

TEST(LoadClock, ComesToWhatIsSteadilyBusy) {
  LoadClock clock;
  for (uint64_t second = 5; second <= 3600; second += 5) clock.Look(second * kSecond, 2 * second * kSecond);
  const auto& averages = clock.Look(3605 * kSecond, 7210 * kSecond);
  EXPECT_NEAR(averages.load[0], 2, 0.01);
  EXPECT_NEAR(averages.load[1], 2, 0.01);
  EXPECT_NEAR(averages.load[2], 2, 0.05);
  EXPECT_NEAR(averages.current, 2, 0.01);
}

TEST(LoadClock, OneLookIsAsGoodAsMany) {
  LoadClock often, once;
  for (uint64_t second = 1; second < 60; ++second) often.Look(second * kSecond, second * kSecond);
  double many = often.Look(60 * kSecond, 60 * kSecond).load[0];
  EXPECT_NEAR(once.Look(60 * kSecond, 60 * kSecond).load[0], many, 1e-6);
  EXPECT_NEAR(many, 0.632, 0.001);  // 1 - 1/e after one span
}

TEST(LoadClock, DecaysWhenNothingRuns) {
  LoadClock clock;
  clock.Look(60 * kSecond, 60 * kSecond);
  EXPECT_NEAR(clock.Look(120 * kSecond, 60 * kSecond).load[0], 0.2325, 0.001);
  EXPECT_EQ(clock.Look(120 * kSecond, 70 * kSecond).current, 0);  // no time has passed
}

}  // namespace
}  // namespace cradle::lxcfs
