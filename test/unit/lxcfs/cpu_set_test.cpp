#include "lxcfs/cpu_set.h"

#include <gtest/gtest.h>

#include "cgroups/figures.h"

namespace cradle::lxcfs {
namespace {

TEST(CpuSet, ReadsAndWritesTheKernelsLists) {
  for (const char* list : {"0", "0-3", "0-3,7", "1,3,5", "8-11,64-127"})
    EXPECT_EQ(CpuSet::Parse(std::string(list) + "\n").Format(), list);
  EXPECT_EQ(CpuSet::Parse("3,1,2").Format(), "1-3");
}

TEST(CpuSet, LeavesOutWhatIsNoList) {
  EXPECT_TRUE(CpuSet::Parse("").empty());
  EXPECT_TRUE(CpuSet::Parse("\n").empty());
  EXPECT_TRUE(CpuSet::Parse("none").empty());
  EXPECT_EQ(CpuSet::Parse("2,x,99999999999999999999").Format(), "2");
  EXPECT_EQ(CpuSet::Parse("8190-4294967296").Format(), "8190-8191");
}

std::string Visible(const char* host, const char* allowed, uint64_t millis) {
  return VisibleCpus(CpuSet::Parse(host), CpuSet::Parse(allowed), millis).Format();
}

TEST(VisibleCpus, AreTheCpusetsWithTheirOwnNumbers) {
  EXPECT_EQ(Visible("0-15", "8-11", cgroups::kUnlimited), "8-11");
  EXPECT_EQ(Visible("0-15", "1,3,5", cgroups::kUnlimited), "1,3,5");
}

TEST(VisibleCpus, AreNoMoreThanTheQuotaFills) {
  EXPECT_EQ(Visible("0-15", "0-15", 2000), "0-1");
  EXPECT_EQ(Visible("0-15", "0-15", 2001), "0-2");
  EXPECT_EQ(Visible("0-15", "8-11", 1500), "8-9");
  EXPECT_EQ(Visible("0-3", "0-3", 64000), "0-3");
}

TEST(VisibleCpus, AreNeverNone) {
  EXPECT_EQ(Visible("0-3", "0-3", 10), "0");
  EXPECT_EQ(Visible("0-3", "0-3", 0), "0");
  EXPECT_EQ(Visible("0-3", "", cgroups::kUnlimited), "0-3");
  EXPECT_EQ(Visible("0-3", "8", cgroups::kUnlimited), "0-3");
}

}  // namespace
}  // namespace cradle::lxcfs
