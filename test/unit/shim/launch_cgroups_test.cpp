#include "shim/launch_cgroups.h"

#include <gtest/gtest.h>

namespace cradle::shim {
namespace {

TEST(Hierarchies, OfAHybridHost) {
  auto found = ParseHierarchies(
      "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - tmpfs tmpfs rw,mode=755\n"
      "32 31 0:29 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate\n"
      "33 31 0:30 / /sys/fs/cgroup/systemd rw shared:11 master:2 - cgroup cgroup "
      "rw,xattr,name=systemd\n"
      "34 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory,release_agent=/x\n"
      "36 31 0:32 / /sys/fs/cgroup/again rw - cgroup cgroup rw,memory\n"
      "37 31 0:33 / /mnt/cgroup/pids rw - cgroup cgroup rw,pids\n"
      "38 31 0:34 / /sys/fs/cgroup/a/b rw - cgroup cgroup rw,freezer\n");
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[0].name, "unified");
  EXPECT_TRUE(found[0].v2);
  EXPECT_FALSE(found[0].whole);
  EXPECT_EQ(found[0].options, "");
  EXPECT_EQ(found[1].options, "name=systemd");
  EXPECT_EQ(found[2].name, "cpu,cpuacct");
  EXPECT_EQ(found[2].options, "cpu,cpuacct");
  EXPECT_EQ(found[2].links, (std::vector<std::string>{"cpu", "cpuacct"}));
  EXPECT_EQ(found[3].options, "memory");
  EXPECT_TRUE(found[3].links.empty());
}

TEST(Hierarchies, OfAV2Host) {
  auto found = ParseHierarchies("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].v2);
  EXPECT_TRUE(found[0].whole);
}

TEST(Hierarchies, NonsenseIsNone) {
  EXPECT_TRUE(ParseHierarchies("").empty());
  EXPECT_TRUE(ParseHierarchies("\n\n1 2\n- cgroup\n").empty());
}

}  // namespace
}  // namespace cradle::shim
