#include "cgroups/v2_limits.h"

#include <gtest/gtest.h>

#include "cgroups/pressure.h"

namespace cradle::cgroups {
namespace {

using Strings = std::vector<std::string>;

Strings Files(const Limits& limits, const V2Current& current = {}) {
  Strings out;
  for (const V2Write& write : PlanV2Writes(limits, current))
    out.push_back(write.file + "=" + write.value);
  return out;
}

TEST(WeightFromShares, MeetsTheDefaultsAndBothEnds) {
  EXPECT_EQ(WeightFromShares(2), 1);
  EXPECT_EQ(WeightFromShares(1024), 100);
  EXPECT_EQ(WeightFromShares(262144), 10000);
  // What other runtimes give.
  EXPECT_EQ(WeightFromShares(100), 17);
  EXPECT_EQ(WeightFromShares(256), 35);
  EXPECT_EQ(WeightFromShares(512), 59);
  EXPECT_EQ(WeightFromShares(2048), 174);
  for (int64_t shares = 3; shares < 262144; shares += 97)
    EXPECT_LE(WeightFromShares(shares), WeightFromShares(shares + 97)) << shares;
}

TEST(PlanV2Writes, QuotaAndPeriodAreOneFile) {
  EXPECT_EQ(Files({.cpu_quota = 20000, .cpu_period = 50000}), Strings{"cpu.max=20000 50000"});
  EXPECT_EQ(Files({.cpu_quota = -1}, {.cpu_quota = 5, .cpu_period = 50000}),
            Strings{"cpu.max=max 50000"});
  EXPECT_EQ(Files({.cpu_period = 1000}, {.cpu_quota = 5000, .cpu_period = 50000}),
            Strings{"cpu.max=5000 1000"});
}

TEST(PlanV2Writes, SwapIsCountedAlone) {
  EXPECT_EQ(Files({.memory = 200, .memory_swap = 300}),
            (Strings{"memory.max=200", "memory.swap.max=100"}));
  EXPECT_EQ(Files({.memory_swap = 300}, {.memory = 300}), Strings{"memory.swap.max=0"});
  EXPECT_EQ(Files({.memory_swap = -1}, {.memory = 300}), Strings{"memory.swap.max=max"});
  EXPECT_EQ(Files({.memory = -1, .memory_swap = -1}),
            (Strings{"memory.max=max", "memory.swap.max=max"}));
}

TEST(PlanV2Writes, UnifiedComesLastAndLineByLine) {
  EXPECT_EQ(Files({.memory = 5, .unified = {{"io.max", "8:0 rbps=1\n8:16 wbps=2\n"}, {"memory.max", "7"}}}),
            (Strings{"memory.max=5", "io.max=8:0 rbps=1", "io.max=8:16 wbps=2", "memory.max=7"}));
  EXPECT_EQ(Files({.cpu_shares = 2, .cpuset_cpus = "0", .pids = -1, .hugepages = {{"2MB", 0}}}),
            (Strings{"cpuset.cpus=0", "cpu.weight=1", "pids.max=max", "hugetlb.2MB.rsvd.max=0",
                     "hugetlb.2MB.max=0"}));
  EXPECT_TRUE(Files({}).empty());
}

TEST(ParseV2Current, ReadsWhatTheKernelWrites) {
  V2Current current = ParseV2Current("20000 50000\n", "4096\n");
  EXPECT_EQ(current.cpu_quota, 20000);
  EXPECT_EQ(current.cpu_period, 50000);
  EXPECT_EQ(current.memory, 4096);
  current = ParseV2Current("max 100000\n", "max\n");
  EXPECT_EQ(current.cpu_quota, -1);
  EXPECT_EQ(current.memory, -1);
  EXPECT_EQ(ParseV2Current("", "").cpu_period, 100000);
}

TEST(PlanV2Restore, GivesBackOneValueAndLinesOfDevices) {
  EXPECT_EQ(PlanV2Restore("memory.max", "5", "max\n"), Strings{"max"});
  EXPECT_EQ(PlanV2Restore("cpuset.cpus", "0", "\n"), Strings{"\n"});
  EXPECT_EQ(PlanV2Restore("io.max", "8:0 rbps=1", "8:0 rbps=9 wbps=max\n"),
            Strings{"8:0 rbps=9 wbps=max"});
  EXPECT_EQ(PlanV2Restore("io.max", "8:0 rbps=1", ""),
            Strings{"8:0 rbps=max wbps=max riops=max wiops=max"});
  EXPECT_EQ(PlanV2Restore("io.weight", "8:0 50", "default 100\n"),
            (Strings{"default 100", "8:0 default"}));
}

TEST(ParsePressure, ReadsBothLines) {
  auto pressure = ParsePressure(
      "some avg10=1.50 avg60=0.25 avg300=0.00 total=12345\nfull avg10=0.50 avg60=0.00 avg300=0.00 total=77\n");
  ASSERT_TRUE(pressure);
  EXPECT_EQ(pressure->some, (Pressure::Line{1.5, 0.25, 0, 12345}));
  EXPECT_EQ(pressure->full.total_micros, 77u);
  EXPECT_TRUE(ParsePressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")) << "cpu, before 5.13";
  for (const char* bad : {"", "some", "some avg10=x avg60=0.00 avg300=0.00 total=0",
                          "some avg60=0.00 avg10=0.00 avg300=0.00 total=0",
                          "full avg10=0.00 avg60=0.00 avg300=0.00 total=0"})
    EXPECT_FALSE(ParsePressure(bad)) << bad;
}

}  // namespace
}  // namespace cradle::cgroups
