#include "cri/cpu_rates.h"

#include <gtest/gtest.h>

namespace cradle::cri {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

cgroups::Stats At(int64_t wall, uint64_t used) {
  cgroups::Stats stats;
  stats.wall_nanos = wall;
  stats.cpu_usage_nanos = used;
  return stats;
}

TEST(CpuRates, NeedTwoReadings) {
  CpuRates rates;
  EXPECT_EQ(rates.Update("a", At(100 * kSecond, 5 * kSecond)), std::nullopt);
  EXPECT_EQ(rates.Update("a", At(102 * kSecond, 6 * kSecond)), kSecond / 2);
}

TEST(CpuRates, ReadingsTooCloseGiveTheLastRateAgain) {
  CpuRates rates;
  rates.Update("a", At(100 * kSecond, 0));
  rates.Update("a", At(101 * kSecond, kSecond));
  EXPECT_EQ(rates.Update("a", At(101 * kSecond + 1, 2 * kSecond)), kSecond);
  EXPECT_EQ(rates.Update("a", At(102 * kSecond, kSecond)), 0);
}

TEST(CpuRates, ForgetTheGone) {
  CpuRates rates;
  rates.Update("a", At(100 * kSecond, 0));
  rates.Update("b", At(100 * kSecond, 0));
  rates.Keep([](const std::string& id) { return id == "b"; });
  EXPECT_EQ(rates.Update("a", At(101 * kSecond, kSecond)), std::nullopt);
  EXPECT_EQ(rates.Update("b", At(101 * kSecond, kSecond)), kSecond);
}

}  // namespace
}  // namespace cradle::cri
