#include <gtest/gtest.h>

#include "cgroups/cgroups.h"
#include "cgroups/tree.h"
#include "cgroups/v1_limits.h"
#include "cgroups/v1_unified.h"

namespace cradle::cgroups {
namespace {

std::string Refusal(const Limits& limits) {
  auto checked = CheckLimits(limits);
  if (checked.ok()) return "";
  EXPECT_EQ(checked.error().code(), Code::kInvalidArgument);
  return checked.error().text();
}

TEST(CheckLimits, NothingSetAndEverythingInRangeIsFine) {
  EXPECT_EQ(Refusal({}), "");
  Limits limits{.cpu_shares = 2,
                .cpu_quota = -1,
                .cpu_period = 1000,
                .memory = 1 << 20,
                .memory_swap = 1 << 20,
                .cpuset_cpus = "0",
                .cpuset_mems = "0",
                .pids = -1,
                .hugepages = {},
                .unified = {{"memory.high", "1"}},
                .devices = std::vector<DeviceRule>{{}}};
  EXPECT_EQ(Refusal(limits), "");
}

TEST(CheckTogether, SwapIsLimitedBesideMemoryOnly) {
  for (int64_t memory : {-1, 0}) {
    auto checked = CheckTogether({.memory = memory, .memory_swap = 64 << 20});
    ASSERT_FALSE(checked.ok());
    EXPECT_EQ(checked.error().text(), "memory_swap_limit_in_bytes 67108864: needs a memory_limit_in_bytes");
    EXPECT_TRUE(CheckTogether({.memory = memory, .memory_swap = -1}).ok());
  }
  EXPECT_TRUE(CheckTogether({.memory = 1 << 20, .memory_swap = 2 << 20}).ok());
}

TEST(CheckLimits, ARefusalNamesFieldAndValue) {
  EXPECT_EQ(Refusal({.cpu_period = 42}),
            "cpu_period 42: must be between 1000 and 1000000 microseconds");
  EXPECT_EQ(Refusal({.cpu_quota = 999}).find("cpu_quota 999: "), 0u);
  EXPECT_EQ(Refusal({.cpu_quota = -2}).find("cpu_quota -2: "), 0u);
  EXPECT_EQ(Refusal({.cpu_shares = 1}).find("cpu_shares 1: "), 0u);
  EXPECT_EQ(Refusal({.cpu_shares = 262145}).find("cpu_shares 262145: "), 0u);
  EXPECT_EQ(Refusal({.memory = -5}).find("memory_limit_in_bytes -5: "), 0u);
  EXPECT_EQ(Refusal({.memory = 2 << 20, .memory_swap = 100}).find("memory_swap_limit_in_bytes 100: "),
            0u);
  EXPECT_EQ(Refusal({.memory = -1, .memory_swap = 100}).find("memory_swap_limit_in_bytes 100: "),
            0u);
  EXPECT_EQ(Refusal({.pids = -2}).find("pids_limit -2: "), 0u);
  EXPECT_EQ(Refusal({.cpuset_cpus = "0-"}).find("cpuset_cpus \"0-\": "), 0u);
  EXPECT_EQ(Refusal({.cpuset_cpus = "60000"}).find("cpuset_cpus \"60000\": the node has no 60000"),
            0u);
  EXPECT_EQ(Refusal({.cpuset_mems = "999"}).find("cpuset_mems \"999\": "), 0u);
  EXPECT_EQ(Refusal({.hugepages = {{"3MB", 0}}}).find("hugepage_limits \"3MB\": "), 0u);
  EXPECT_EQ(Refusal({.hugepages = {{"../2MB", 0}}}).find("hugepage_limits \"../2MB\": "), 0u);
  for (const char* key : {"memory/../x.y", "", "memory", ".high", "cgroup.procs", "a.b\n"})
    EXPECT_NE(Refusal({.unified = {{key, "1"}}}), "") << key;
  for (const std::string& value : {std::string(), std::string("\n"), std::string("1\0", 2), std::string(5000, '1')})
    EXPECT_EQ(Refusal({.unified = {{"io.max", value}}}).find("unified \"io.max\": the value is empty, too long"), 0u) << value;
  DeviceRule rule{.type = 'x'};
  EXPECT_NE(Refusal({.devices = std::vector<DeviceRule>{rule}}), "");
  rule = {.type = 'c', .access = "rwx"};
  EXPECT_NE(Refusal({.devices = std::vector<DeviceRule>{rule}}), "");
}

TEST(CheckLimits, MemoryForNoProgramAtAllIsRefused) {
  EXPECT_EQ(Refusal({.memory = 4096}).find("memory_limit_in_bytes 4096: too little"), 0u);
  EXPECT_EQ(Refusal({.memory = 512 << 10}), "");
}

TEST(Merge, WhatIsSetReplacesWhatWas) {
  Limits before{.cpu_shares = 512,
                .cpu_quota = 20000,
                .memory = 1 << 20,
                .cpuset_cpus = "0",
                .hugepages = {{"2MB", 4}, {"1GB", 0}},
                .unified = {{"memory.high", "7"}, {"io.weight", "1"}}};
  Limits after = Merge(before, {.cpu_quota = -1,
                                .hugepages = {{"2MB", 0}},
                                .unified = {{"memory.high", "max"}}});
  EXPECT_EQ(after.cpu_shares, 512);
  EXPECT_EQ(after.cpu_quota, -1);
  EXPECT_EQ(after.memory, 1 << 20);
  EXPECT_EQ(after.cpuset_cpus, "0");
  EXPECT_EQ(after.hugepages,
            (std::vector<std::pair<std::string, uint64_t>>{{"1GB", 0}, {"2MB", 0}}));
  EXPECT_EQ(after.unified,
            (std::map<std::string, std::string>{{"memory.high", "max"}, {"io.weight", "1"}}));
}

TEST(CheckPath, OnlyAbsolutePlainNamesPass) {
  EXPECT_TRUE(CheckPath("/kubepods/burstable/pod1/abc").ok());
  EXPECT_TRUE(CheckPath("/a.slice/b..c").ok());
  for (const std::string& bad :
       std::vector<std::string>{"", "/", "a", "/a/", "//a", "/a//b", "/../a", "/a/..", "/a/./b",
                                "/a\nb", std::string("/") + std::string(256, 'x')})
    EXPECT_FALSE(CheckPath(bad).ok()) << bad;
}

std::vector<std::string> Files(const std::vector<V1Write>& writes) {
  std::vector<std::string> out;
  for (const V1Write& write : writes) out.push_back(write.file + "=" + write.value);
  return out;
}
using Strings = std::vector<std::string>;

TEST(PlanV1Writes, MemorySwapGoesFirstOnlyWhenItRises) {
  Limits limits{.memory = 200, .memory_swap = 300};
  Strings memory_first{"memory.limit_in_bytes=200", "memory.memsw.limit_in_bytes=300"};
  Strings swap_first{"memory.memsw.limit_in_bytes=300", "memory.limit_in_bytes=200"};
  EXPECT_EQ(Files(PlanV1Writes(limits, {})), memory_first);
  EXPECT_EQ(Files(PlanV1Writes(limits, {.memory_swap = 400})), memory_first);
  EXPECT_EQ(Files(PlanV1Writes(limits, {.memory_swap = 150})), swap_first);
}

TEST(PlanV1Writes, TheLongerPeriodOrTheSmallerQuotaGoesFirst) {
  Limits limits{.cpu_quota = 5000, .cpu_period = 50000};
  EXPECT_EQ(Files(PlanV1Writes(limits, {})),
            (Strings{"cpu.cfs_quota_us=5000", "cpu.cfs_period_us=50000"}));
  EXPECT_EQ(Files(PlanV1Writes(limits, {.cpu_period = 10000})),
            (Strings{"cpu.cfs_period_us=50000", "cpu.cfs_quota_us=5000"}));
}

TEST(PlanV1Writes, OnlyWhatIsSetIsWritten) {
  EXPECT_TRUE(PlanV1Writes({}, {}).empty());
  EXPECT_EQ(Files(PlanV1Writes({.pids = -1, .hugepages = {{"2MB", 0}}}, {})),
            (Strings{"pids.max=max", "hugetlb.2MB.limit_in_bytes=0"}));
}

Strings Unified(const std::string& key, const std::string& value) {
  auto writes = PlanV1Unified({{key, value}});
  if (writes.ok()) return Files(*writes);
  EXPECT_EQ(writes.error().code(), Code::kInvalidArgument);
  return {writes.error().text()};
}

TEST(PlanV1Unified, HasOtherNamesOnV1) {
  EXPECT_EQ(Unified("memory.low", "4096"), Strings{"memory.soft_limit_in_bytes=4096"});
  EXPECT_EQ(Unified("memory.low", "max\n"), Strings{"memory.soft_limit_in_bytes=-1"});
  EXPECT_EQ(Unified("io.weight", "default 50"), Strings{"blkio.bfq.weight=50"});
  EXPECT_EQ(Unified("io.weight", "10000"), Strings{"blkio.bfq.weight=1000"});
  EXPECT_EQ(Unified("io.max", "8:0 rbps=1 wbps=max\n8:16 riops=2 wiops=3\n"),
            (Strings{"blkio.throttle.read_bps_device=8:0 1", "blkio.throttle.write_bps_device=8:0 0",
                     "blkio.throttle.read_iops_device=8:16 2", "blkio.throttle.write_iops_device=8:16 3"}));
}

TEST(PlanV1Unified, WhatV1HasNothingForIsNamed) {
  EXPECT_EQ(Unified("memory.high", "1"), Strings{"unified \"memory.high\": \"1\": this node's cgroup v1 has no such control"});
  for (const auto& [key, value] : std::map<std::string, std::vector<std::string>>{
           {"memory.low", {"", "-1", "much"}},
           {"io.weight", {"0", "10001", "8:0 50", ""}},
           {"io.max", {"8:0", "8 rbps=1", "8:x rbps=1", "8:0 rbps", "8:0 rbps=", "8:0 rbps=0", "8:0 speed=1"}}})
    for (const std::string& one : value)
      EXPECT_EQ(Unified(key, one).at(0).find(Cat("unified \"", key, "\": \"", one, "\": must be")), 0u) << one;
}

TEST(PlanV1Restore, GivesBackOneValueOrADevicesLine) {
  EXPECT_EQ(PlanV1Restore("cpu.shares", "5", "1024\n"), "1024");
  EXPECT_EQ(PlanV1Restore("blkio.throttle.read_bps_device", "8:0 5", "8:16 7\n8:0 9\n"), "8:0 9");
  EXPECT_EQ(PlanV1Restore("blkio.throttle.read_bps_device", "8:0 5", "8:16 7\n"), "8:0 0");
}

TEST(PlanV1Devices, WildcardsAndAll) {
  auto writes = PlanV1Devices({{.allow = false}, {.type = 'c', .major = 136, .access = "rw"}});
  ASSERT_EQ(writes.size(), 2u);
  EXPECT_FALSE(writes[0].allow);
  EXPECT_EQ(writes[0].text, "a");
  EXPECT_TRUE(writes[1].allow);
  EXPECT_EQ(writes[1].text, "c 136:* rw");
}

}  // namespace
}  // namespace cradle::cgroups
