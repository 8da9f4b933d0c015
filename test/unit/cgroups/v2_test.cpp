// On the node's own v2 tree, below one parent that is gone afterwards. What needs no controller is tested on a
// hybrid node too: groups, killing, the device program; limits need a node with v2 only. Needs root.
#include "cgroups/v2.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/sys/file.h"
#include "base/sys/process.h"
#include "base/sys/socket.h"
#include "cgroups/mounts.h"
#include "cgroups/unified.h"
#include "cgroups/v2_devices.h"
#include "cgroups/values.h"
#include "node_disk.h"

namespace cradle::cgroups {
namespace {

constexpr milliseconds kLong{60'000};

class V2Base : public testing::Test {
 protected:
  void SetUp() override {
    Layout layout = ParseMounts(*sys::ReadFile(kCwd, "/proc/self/mountinfo", 16 << 20));
    if (layout.v2.empty()) GTEST_SKIP() << "no cgroup v2 here";
    dir_ = layout.v2;
    tree_ = std::make_unique<Tree>(*Tree::Open(dir_));
  }
  void TearDown() override {
    if (!tree_) return;
    EXPECT_TRUE(tree_->Write(parent_, "cgroup.kill", "1").ok());
    for (const sys::Child& child : children_)
      EXPECT_TRUE(sys::WaitPidfd(child.pidfd, After(kLong)).ok());
    EXPECT_TRUE(WaitEmptyV2(*tree_, parent_, After(kLong)).ok());
    EXPECT_TRUE(tree_->Remove(parent_, After(kLong)).ok());
  }
  // A shell in the group: `then` is done when `setup` was and this has seen it.
  const sys::Child& Run(const std::string& group, const std::string& then,
                        const std::string& setup = ":") {
    auto ready = sys::MakePipe();
    auto child = sys::Spawn(
        {.program = "/bin/sh",
         .args = {"sh", "-c",
                  Cat("echo 0 > ", dir_, group, "/cgroup.procs && ", setup,
                      " && echo ready && exec >&- && { ", then, "; }")},
         .env = {"PATH=/usr/bin:/bin"},
         .fds = {{ready->write, 1}}});
    EXPECT_TRUE(child.ok());
    ready->write.Reset();
    EXPECT_EQ(*sys::ReadAll(ready->read, 100), "ready\n");
    return children_.emplace_back(std::move(*child));
  }
  int ExitCode(const sys::Child& child) {
    auto exit = sys::WaitPidfd(child.pidfd, After(kLong));
    children_.clear();
    return exit.ok() ? exit->code : -1;
  }

  std::string dir_;
  std::unique_ptr<Tree> tree_;
  const std::string parent_ = Cat("/cradle-cgroups-test-", std::to_string(sys::Getpid()));
  const std::string group_ = parent_ + "/container";
  std::vector<sys::Child> children_;
};

class V2Devices : public V2Base {
 protected:
  void SetUp() override {
    V2Base::SetUp();
    Made made;
    if (!tree_) return;
    ASSERT_TRUE(tree_->Make(group_, made).ok());
  }
  void Attach(const std::vector<DeviceRule>& rules) {
    auto attached = AttachDevices(*tree_, group_, rules);
    ASSERT_TRUE(attached.ok()) << attached.error().text();
  }
  // Whether sh in the group can do it.
  bool May(const std::string& script) { return ExitCode(Run(group_, script)) == 0; }
};

constexpr char kReadNull[] = "exec 2>&-; : < /dev/null";
constexpr char kWriteNull[] = "exec 2>&-; : > /dev/null";
constexpr char kReadZero[] = "exec 2>&-; : < /dev/zero";

TEST_F(V2Devices, WhatIsNotAllowedIsDenied) {
  Attach({{.allow = false}, {.type = 'c', .major = 1, .minor = 3, .access = "rw"}});
  EXPECT_TRUE(May(kReadNull));
  EXPECT_TRUE(May(kWriteNull));
  EXPECT_FALSE(May(kReadZero));
  EXPECT_FALSE(May(Cat("exec 2>&-; mknod /tmp/", parent_.substr(1), " c 1 3"))) << "no m";
}

TEST_F(V2Devices, RulesForOneDeviceAddUpAndTakeAway) {
  Attach({{.allow = false},
          {.type = 'c', .major = 1, .minor = 3, .access = "r"},
          {.type = 'c', .major = 1, .minor = 3, .access = "w"},
          {.type = 'c', .major = 1, .minor = 5, .access = "rw"},
          {.allow = false, .type = 'c', .major = 1, .minor = 5, .access = "r"}});
  EXPECT_TRUE(May("exec 2>&-; : <> /dev/null"));
  EXPECT_FALSE(May(kReadZero));
  EXPECT_TRUE(May("exec 2>&-; : > /dev/zero"));
}

TEST_F(V2Devices, ExceptionsFromEverythingAreDenied) {
  Attach({{}, {.allow = false, .type = 'c', .major = 1, .minor = 5, .access = "w"}});
  EXPECT_TRUE(May(kReadNull));
  EXPECT_TRUE(May(kReadZero));
  EXPECT_FALSE(May("exec 2>&-; : <> /dev/zero")) << "writing is part of it";
}

TEST_F(V2Devices, AnyMinorAndLaterPrograms) {
  Attach({{.allow = false}, {.type = 'c', .major = 1, .access = "rwm"}});
  EXPECT_TRUE(May(kReadZero));
  Attach({{.allow = false}, {.type = 'c', .major = 1, .minor = 3, .access = "rwm"}});
  EXPECT_FALSE(May(kReadZero)) << "replaced";
  Attach({{}});
  EXPECT_TRUE(May(kReadZero)) << "replaced, not added to what was there";
}

// With controllers: on a node with v2 only.
class V2Test : public V2Base {
 protected:
  void SetUp() override {
    V2Base::SetUp();
    if (!tree_) return;
    auto groups = CgroupsV2::Open(dir_);
    if (!groups.ok()) {
      tree_.reset();
      GTEST_SKIP() << groups.error().text();
    }
    groups_ = std::move(*groups);
  }
  Placement Create(const std::string& path, const Limits& limits = {}) {
    auto place = groups_->Create(path, limits);
    EXPECT_TRUE(place.ok()) << place.error().text();
    return place.ok() ? *place : Placement{};
  }
  void Apply(const Limits& limits) {
    auto updated = groups_->Update(group_, limits);
    ASSERT_TRUE(updated.ok()) << updated.error().text();
    updated->Commit();
  }
  std::string Value(const std::string& file) {
    auto text = tree_->Read(group_, file);
    return text.ok() ? std::string(Trim(*text)) : text.error().text();
  }

  std::unique_ptr<Cgroups> groups_;
};

TEST_F(V2Test, LimitsAreWhatTheKernelHas) {
  Placement place = Create(group_, {.cpu_shares = 512,
                                    .cpu_quota = 20000,
                                    .cpu_period = 50000,
                                    .memory = 64 << 20,
                                    .memory_swap = 96 << 20,
                                    .cpuset_cpus = "0",
                                    .pids = 77,
                                    .unified = {{"memory.high", "50331648"}, {"memory.oom.group", "1"}}});
  EXPECT_EQ(Value("cpu.weight"), "59");
  EXPECT_EQ(Value("cpu.max"), "20000 50000");
  EXPECT_EQ(Value("memory.max"), std::to_string(64 << 20));
  EXPECT_EQ(Value("memory.swap.max"), std::to_string(32 << 20));
  EXPECT_EQ(Value("cpuset.cpus"), "0");
  EXPECT_EQ(Value("pids.max"), "77");
  EXPECT_EQ(Value("memory.high"), "50331648");
  EXPECT_EQ(Value("memory.oom.group"), "1");
  EXPECT_TRUE(sys::Exists(kCwd, place.oom_file));
}

TEST_F(V2Test, UnifiedReachesEachController) {
  Create(group_, {.unified = {{"memory.min", "4194304"},
                              {"memory.low", "8388608"},
                              {"memory.swap.max", "0"},
                              {"cpu.weight", "77"},
                              {"pids.max", "55"}}});
  EXPECT_EQ(Value("memory.min"), "4194304");
  EXPECT_EQ(Value("memory.low"), "8388608");
  EXPECT_EQ(Value("memory.swap.max"), "0");
  EXPECT_EQ(Value("cpu.weight"), "77");
  EXPECT_EQ(Value("pids.max"), "55");
  if (!tree_->HasFile(group_, "io.weight")) GTEST_SKIP() << "this kernel weighs no disks";
  Apply({.unified = {{"io.weight", "default 250"}}});
  EXPECT_EQ(Value("io.weight"), "default 250");
}

TEST_F(V2Test, UnifiedLimitsDisks) {
  Create(group_);
  std::string disk = NodeDisk();
  if (disk.empty() || !tree_->HasFile(group_, "io.max")) GTEST_SKIP() << "no disk, or nothing limits it";
  {
    auto updated = groups_->Update(group_, {.unified = {{"io.max", Cat(disk, " rbps=4096000 wiops=max")}}});
    ASSERT_TRUE(updated.ok()) << updated.error().text();
    EXPECT_EQ(Value("io.max"), Cat(disk, " rbps=4096000 wbps=max riops=max wiops=max"));
  }
  EXPECT_EQ(Value("io.max"), "") << "put back";
  auto nowhere = groups_->Update(group_, {.unified = {{"io.max", "4000:77 rbps=4096000"}}});
  ASSERT_FALSE(nowhere.ok());
  EXPECT_EQ(nowhere.error().code(), Code::kInvalidArgument);
  EXPECT_NE(nowhere.error().text().find("unified \"io.max\""), std::string::npos) << nowhere.error().text();
}

TEST_F(V2Test, HugePagesAreLimited) {
  Create(group_);
  if (!tree_->HasFile(group_, "hugetlb.2MB.max")) GTEST_SKIP() << "no huge pages of 2 MiB";
  Apply({.hugepages = {{"2MB", 4 << 20}}});
  EXPECT_EQ(Value("hugetlb.2MB.max"), std::to_string(4 << 20));
  EXPECT_EQ(Value("hugetlb.2MB.rsvd.max"), std::to_string(4 << 20));
}

TEST_F(V2Test, UnknownControlsAreInvalidAndLeaveNothing) {
  for (const char* key : {"memory.nonsense", "nosuch.max", "memory.current"}) {
    auto made = groups_->Create(group_, {.unified = {{key, "1"}}});
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().code(), Code::kInvalidArgument);
    EXPECT_NE(made.error().text().find(Cat("unified \"", key, "\"")), std::string::npos)
        << made.error().text();
    EXPECT_FALSE(groups_->Exists(parent_));
  }
  Create(group_);
  auto updated = groups_->Update(group_, {.cpu_shares = 512, .unified = {{"memory.high", "much"}}});
  ASSERT_FALSE(updated.ok());
  EXPECT_EQ(updated.error().code(), Code::kInvalidArgument);
  EXPECT_EQ(Value("cpu.weight"), "100");
}

TEST_F(V2Test, AnUpdateThatIsNotCommittedIsPutBack) {
  Create(group_, {.cpu_quota = 20000, .cpu_period = 50000});
  {
    auto updated = groups_->Update(group_, {.cpu_shares = 2, .cpu_quota = 7000, .cpuset_cpus = "0"});
    ASSERT_TRUE(updated.ok()) << updated.error().text();
    EXPECT_EQ(Value("cpu.max"), "7000 50000");
  }
  EXPECT_EQ(Value("cpu.max"), "20000 50000");
  EXPECT_EQ(Value("cpu.weight"), "100");
  EXPECT_EQ(Value("cpuset.cpus"), "");
}

TEST_F(V2Test, MemoryBelowWhatIsUsedIsRefusedNotKilledFor) {
  Create(group_, {.memory = 128 << 20});
  const sys::Child& child =
      Run(group_, "kill -STOP $$", "x=$(head -c 10000000 /dev/zero | tr '\\0' x)");
  auto updated = groups_->Update(group_, {.cpu_shares = 2, .memory = 4 << 20});
  ASSERT_FALSE(updated.ok());
  EXPECT_EQ(updated.error().code(), Code::kFailedPrecondition);
  EXPECT_NE(updated.error().text().find("memory_limit_in_bytes 4194304: below what"),
            std::string::npos)
      << updated.error().text();
  EXPECT_EQ(Value("cpu.weight"), "100");
  EXPECT_EQ(Value("memory.max"), std::to_string(128 << 20));
  EXPECT_FALSE(sys::PidfdExited(child.pidfd));
  Apply({.memory = 96 << 20});
  EXPECT_EQ(Value("memory.max"), std::to_string(96 << 20));
}

TEST_F(V2Test, OomKillsOfGroupsBelowCount) {
  Create(group_, {.memory = 8 << 20, .memory_swap = 8 << 20});
  ASSERT_TRUE(groups_->CreateExec(group_, "below").ok());
  EXPECT_EQ(*groups_->ReadOomKills(group_), 0u);
  EXPECT_NE(ExitCode(Run(group_ + "/below", "x=$(head -c 60000000 /dev/zero | tr '\\0' x)")), -1);
  EXPECT_GE(*groups_->ReadOomKills(group_), 1u);
}

TEST_F(V2Test, StatsCountWhatTheGroupDid) {
  Create(group_, {.memory = 256 << 20});
  Run(group_, "kill -STOP $$", "x=$(head -c 6000000 /dev/zero | tr '\\0' x)");
  auto stats = groups_->ReadStats(group_);
  // The kernel sums memory.stat up every two seconds, or at a read once there is enough for its number of processors. Until
  // then it lacks what has come, and has what has gone.
  auto summed_up = [&] { return stats->memory_rss >= 5u << 20 && stats->memory_rss <= stats->memory_usage; };
  for (Deadline end = After(kLong); stats.ok() && !summed_up() && MillisLeft(end) > 0;)
    stats = groups_->ReadStats(group_);
  ASSERT_TRUE(stats.ok()) << stats.error().text();
  EXPECT_GT(stats->cpu_usage_nanos, 0u);
  EXPECT_GE(stats->memory_rss, 5u << 20);
  EXPECT_GE(stats->memory_usage, stats->memory_rss);
  EXPECT_EQ(stats->memory_limit, 256u << 20);
  EXPECT_GT(stats->page_faults, 0u);
  EXPECT_TRUE(stats->memory_pressure);
  auto counters = groups_->ReadCounters(group_);
  ASSERT_TRUE(counters.ok()) << counters.error().text();
  EXPECT_GT(counters->cpu_user_nanos + counters->cpu_system_nanos, 0u);
  EXPECT_LE(counters->cpu_user_nanos + counters->cpu_system_nanos, groups_->ReadStats(group_)->cpu_usage_nanos + 1'000'000);
  EXPECT_GE(counters->threads, 1u);
}

TEST_F(V2Test, DestroyKillsAndRemovesGroupsBelow) {
  Create(group_);
  const sys::Child& child = Run(group_, "sleep 1000 & exec sleep 1000");
  std::string deep = dir_ + group_;
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(sys::MkdirAt(kCwd, deep += "/below", 0755).ok());
  auto destroyed = groups_->Destroy(group_, After(kLong));
  ASSERT_TRUE(destroyed.ok()) << destroyed.error().text();
  EXPECT_EQ(sys::WaitPidfd(child.pidfd, After(kLong))->signal, 9);
  children_.clear();
  EXPECT_FALSE(groups_->Exists(group_));
  EXPECT_TRUE(groups_->Destroy(group_, After(kLong)).ok()) << "a second time";
  Create(parent_);
}

}  // namespace
}  // namespace cradle::cgroups
