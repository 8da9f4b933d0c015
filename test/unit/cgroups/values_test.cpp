#include "cgroups/values.h"

#include <gtest/gtest.h>

namespace cradle::cgroups {
namespace {

TEST(Values, SplitLeavesEmptyPiecesOut) {
  EXPECT_EQ(Split("a,,b,", ','), (std::vector<std::string_view>{"a", "b"}));
  EXPECT_TRUE(Split("", ',').empty());
  EXPECT_TRUE(Split(",", ',').empty());
}

TEST(Values, NumbersHaveNothingBesideThem) {
  EXPECT_EQ(ParseNumber("42\n"), 42u);
  EXPECT_EQ(ParseNumber("18446744073709551615"), UINT64_MAX);
  for (const char* bad : {"", " ", "max", "-1", "1x", "1 2", "18446744073709551616", "0x10"})
    EXPECT_FALSE(ParseNumber(bad)) << bad;
}

TEST(Values, KeyedValueTakesWholeKeys) {
  constexpr const char* kText = "oom_kill_disable 1\nunder_oom 0\noom_kill 7\nbad x\nlast 9";
  EXPECT_EQ(KeyedValue(kText, "oom_kill"), 7u);
  EXPECT_EQ(KeyedValue(kText, "last"), 9u);
  EXPECT_EQ(KeyedValue(kText, "bad"), 0u);
  EXPECT_EQ(KeyedValue(kText, "oom"), 0u);
  EXPECT_EQ(KeyedValue("", "oom"), 0u);
}

TEST(Values, IdListsAreSetsOfRanges) {
  EXPECT_EQ(ParseIdList("0-2,7\n"), (std::set<int>{0, 1, 2, 7}));
  EXPECT_EQ(ParseIdList("3"), (std::set<int>{3}));
  for (const char* bad :
       {"", ",", "a", "3-1", "1-", "-1", "1--2", "0-65536", "0-99999999999999999999", "1 2"})
    EXPECT_FALSE(ParseIdList(bad)) << bad;
}

TEST(Values, HugepagesAreNamedInTheirLargestUnit) {
  EXPECT_EQ(HugepageName(64), "64KB");
  EXPECT_EQ(HugepageName(2048), "2MB");
  EXPECT_EQ(HugepageName(1048576), "1GB");
  EXPECT_EQ(HugepageName(16777216), "16GB");
}

}  // namespace
}  // namespace cradle::cgroups
