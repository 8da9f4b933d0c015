#include "cgroups/mounts.h"

#include <gtest/gtest.h>

namespace cradle::cgroups {
namespace {

TEST(Mounts, HybridHasSeparateCoMountedAndNamedHierarchies) {
  Layout layout = ParseMounts(
      "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
      "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup "
      "rw,xattr,cpu,cpuacct\n"
      "35 31 0:32 / /sys/fs/cgroup/memory rw shared:5 master:2 - cgroup cgroup "
      "rw,memory,release_agent=/sbin/x\n"
      "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n");
  ASSERT_EQ(layout.v1.size(), 3u);
  EXPECT_EQ(layout.v1[0].dir, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(layout.v1[0].controllers, (std::vector<std::string>{"cpu", "cpuacct"}));
  EXPECT_EQ(layout.v1[1].controllers, (std::vector<std::string>{"memory"}));
  EXPECT_EQ(layout.v1[2].controllers, (std::vector<std::string>{"name=systemd"}));
  EXPECT_EQ(layout.v2, "/sys/fs/cgroup/unified");
}

TEST(Mounts, PureV2) {
  Layout layout = ParseMounts(
      "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n");
  EXPECT_TRUE(layout.v1.empty());
  EXPECT_EQ(layout.v2, "/sys/fs/cgroup");
}

TEST(Mounts, AHierarchyThatIsMountedTwiceCountsOnce) {
  Layout layout = ParseMounts(
      "1 2 0:29 / /a rw - cgroup cgroup rw,cpu\n3 2 0:29 / /b rw - cgroup cgroup rw,cpu\n");
  ASSERT_EQ(layout.v1.size(), 1u);
  EXPECT_EQ(layout.v1[0].dir, "/a");
}

TEST(Mounts, EscapedNamesAreReadAndBrokenLinesPassedOver) {
  Layout layout = ParseMounts(
      "garbage\n\n1 2 0:9 / - cgroup x\n1 2 0:29 / /my\\040cg\\134 rw - cgroup cgroup rw,cpu");
  ASSERT_EQ(layout.v1.size(), 1u);
  EXPECT_EQ(layout.v1[0].dir, "/my cg\\");
}

}  // namespace
}  // namespace cradle::cgroups
