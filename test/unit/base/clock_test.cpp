#include "base/clock.h"

#include <gtest/gtest.h>

namespace cradle {
namespace {

TEST(Clock, Rfc3339HasNineDigitsAndUtc) {
  std::string out;
  AppendRfc3339Nano(0, out);
  EXPECT_EQ(out, "1970-01-01T00:00:00.000000000Z");
  out.clear();
  AppendRfc3339Nano(1'767'225'599'000'000'007, out);
  EXPECT_EQ(out, "2025-12-31T23:59:59.000000007Z");
  out.clear();
  AppendRfc3339Nano(1'709'164'800'123'456'789, out);  // a leap day
  EXPECT_EQ(out, "2024-02-29T00:00:00.123456789Z");
}

TEST(Clock, MillisLeftNeverIsNegative) {
  EXPECT_EQ(MillisLeft(After(milliseconds(-50))), 0);
  EXPECT_EQ(MillisLeft(Deadline::max()), 1'000'000'000);
}

}  // namespace
}  // namespace cradle
