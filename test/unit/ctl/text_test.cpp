#include "ctl/text.h"

#include <gtest/gtest.h>

namespace cradle::ctl {
namespace {

TEST(ParseBytes, TakesKubernetesQuantities) {
  EXPECT_EQ(*ParseBytes("64Mi"), 64 << 20);
  EXPECT_EQ(*ParseBytes("1.5Gi"), 1'610'612'736);
  EXPECT_EQ(*ParseBytes("500M"), 500'000'000);
  EXPECT_EQ(*ParseBytes("1048576"), 1'048'576);
  for (const char* bad : {"", "64m", "Mi", "-1", "0", "1e3", "64MiB", "nan", "99999999999Ti"}) {
    EXPECT_FALSE(ParseBytes(bad).ok()) << bad;
  }
}

TEST(ParseCpus, CountsThousandths) {
  EXPECT_EQ(*ParseCpus("2"), 2000);
  EXPECT_EQ(*ParseCpus("0.5"), 500);
  EXPECT_EQ(*ParseCpus("250m"), 250);
  EXPECT_FALSE(ParseCpus("0").ok());
  EXPECT_FALSE(ParseCpus("half").ok());
}

TEST(ParseSeconds, TakesUnits) {
  EXPECT_EQ(*ParseSeconds("90"), 90);
  EXPECT_EQ(*ParseSeconds("10m"), 600);
  EXPECT_EQ(*ParseSeconds("1d"), 86'400);
  EXPECT_FALSE(ParseSeconds("1w").ok());
}

TEST(Format, Sizes) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(4'509'715), "4.3 MiB");
  EXPECT_EQ(FormatBytes(uint64_t{150} << 30), "150 GiB");
}

TEST(Format, Ages) {
  constexpr int64_t kSecond = 1'000'000'000;
  EXPECT_EQ(FormatAge(-5), "0s");
  EXPECT_EQ(FormatAge(119 * kSecond), "119s");
  EXPECT_EQ(FormatAge(120 * kSecond), "2m");
  EXPECT_EQ(FormatAge(3 * 3600 * kSecond), "3h");
  EXPECT_EQ(FormatAge(9 * 86'400 * kSecond), "9d");
}

TEST(Format, Bars) {
  EXPECT_EQ(FormatBar(0, 0, 4), "[>   ]");
  EXPECT_EQ(FormatBar(1, 2, 4), "[==> ]");
  EXPECT_EQ(FormatBar(9, 2, 4), "[====]");
}

TEST(ParseLogRecord, TakesTheKubeletsFormat) {
  LogRecord record;
  ASSERT_TRUE(ParseLogRecord("2026-01-02T03:04:05.000000006Z stderr P a b ", record));
  EXPECT_EQ(record.time, "2026-01-02T03:04:05.000000006Z");
  EXPECT_TRUE(record.is_stderr);
  EXPECT_TRUE(record.partial);
  EXPECT_EQ(record.text, "a b ");
  ASSERT_TRUE(ParseLogRecord("T stdout F ", record));
  EXPECT_EQ(record.text, "");
  EXPECT_FALSE(ParseLogRecord("T stdin F x", record));
  EXPECT_FALSE(ParseLogRecord("garbage", record));
}

}  // namespace
}  // namespace cradle::ctl
