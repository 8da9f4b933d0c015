// On the node's own hierarchies, below one parent that is gone afterwards. Needs root and cgroup
// v1.
#include "cgroups/v1.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/sys/file.h"
#include "base/sys/process.h"
#include "base/sys/socket.h"
#include "cgroups/values.h"
#include "node_disk.h"

namespace cradle::cgroups {
namespace {

constexpr milliseconds kLong{60'000};

std::string FileText(const std::string& path) {
  auto text = sys::ReadFile(kCwd, path, 1 << 20);
  return text.ok() ? std::string(Trim(*text)) : Cat("unreadable: ", text.error().text());
}

class V1Test : public testing::Test {
 protected:
  void SetUp() override {
    layout_ = ParseMounts(*sys::ReadFile(kCwd, "/proc/self/mountinfo", 16 << 20));
    if (layout_.v1.empty()) GTEST_SKIP() << "no cgroup v1 here";
    if (!WithV2()) layout_.v2.clear();
    auto groups = CgroupsV1::Open(layout_);
    ASSERT_TRUE(groups.ok()) << groups.error().text();
    groups_ = std::move(*groups);
  }
  void TearDown() override {
    if (!groups_) return;
    auto gone = groups_->Destroy(parent_, After(kLong));
    EXPECT_TRUE(gone.ok()) << gone.error().text();
    EXPECT_FALSE(groups_->Exists(parent_));
    for (const sys::Child& child : children_)
      EXPECT_TRUE(sys::WaitPidfd(child.pidfd, After(kLong)).ok());
  }
  virtual bool WithV2() const { return true; }

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
  // A shell that joins every hierarchy by itself, does `setup`, says so (this waits for it) and
  // goes on with `then`.
  const sys::Child& Run(const Placement& place, const std::string& then,
                        const std::string& setup = ":") {
    std::string script;
    for (const std::string& dir : place.join_dirs) script += Cat("echo 0 > ", dir, "/tasks && ");
    if (!place.v2_dir.empty()) script += Cat("echo 0 > ", place.v2_dir, "/cgroup.procs && ");
    auto ready = sys::MakePipe();
    auto child = sys::Spawn(
        {.program = "/bin/sh",
         .args = {"sh", "-c", Cat(script, setup, " && echo ready && exec >&- && { ", then, "; }")},
         .env = {"PATH=/usr/bin:/bin"},
         .fds = {{ready->write, 1}}});
    EXPECT_TRUE(child.ok());
    ready->write.Reset();
    EXPECT_EQ(*sys::ReadAll(ready->read, 100), "ready\n");
    return children_.emplace_back(std::move(*child));
  }
  std::string Value(const char* controller, const std::string& path, const std::string& file) {
    for (const V1Mount& mount : layout_.v1)
      for (const std::string& name : mount.controllers)
        if (name == controller) return FileText(Cat(mount.dir, path, "/", file));
    return "no such controller";
  }

  Layout layout_;
  std::unique_ptr<Cgroups> groups_;
  const std::string parent_ = Cat("/cradle-cgroups-test-", std::to_string(sys::Getpid()));
  const std::string group_ = parent_ + "/pod/container";
  std::vector<sys::Child> children_;
};

class V1WithoutV2Test : public V1Test {
  bool WithV2() const override { return false; }
};

TEST_F(V1Test, AGroupIsMadeInEveryHierarchyAndItsParentsToo) {
  Placement place = Create(group_);
  EXPECT_EQ(place.join_dirs.size(), layout_.v1.size());
  for (const V1Mount& mount : layout_.v1)
    EXPECT_TRUE(sys::Exists(kCwd, mount.dir + group_)) << mount.dir;
  if (!layout_.v2.empty()) {
    EXPECT_TRUE(sys::Exists(kCwd, layout_.v2 + group_));
  }
  EXPECT_TRUE(sys::Exists(kCwd, place.oom_file));
  EXPECT_EQ(groups_->Children(parent_), std::vector<std::string>{"pod"});
  EXPECT_EQ(groups_->Locate(group_).join_dirs, place.join_dirs);
}

TEST_F(V1Test, NewGroupsHaveTheirParentsCpuset) {
  Create(group_);
  EXPECT_EQ(Value("cpuset", group_, "cpuset.cpus"), Value("cpuset", "", "cpuset.cpus"));
  EXPECT_EQ(Value("cpuset", parent_, "cpuset.mems"), Value("cpuset", "", "cpuset.mems"));
  Create(parent_ + "/one", {.cpuset_cpus = "0", .cpuset_mems = "0"});
  Create(parent_ + "/one/below");
  EXPECT_EQ(Value("cpuset", parent_ + "/one/below", "cpuset.cpus"), "0");
}

TEST_F(V1Test, LimitsAreWhatTheKernelHas) {
  Create(group_, {.cpu_shares = 512,
                  .cpu_quota = 20000,
                  .cpu_period = 50000,
                  .memory = 64 << 20,
                  .memory_swap = 96 << 20,
                  .cpuset_cpus = "0",
                  .pids = 77});
  EXPECT_EQ(Value("cpu", group_, "cpu.shares"), "512");
  EXPECT_EQ(Value("cpu", group_, "cpu.cfs_quota_us"), "20000");
  EXPECT_EQ(Value("cpu", group_, "cpu.cfs_period_us"), "50000");
  EXPECT_EQ(Value("memory", group_, "memory.limit_in_bytes"), std::to_string(64 << 20));
  EXPECT_EQ(Value("memory", group_, "memory.memsw.limit_in_bytes"), std::to_string(96 << 20));
  EXPECT_EQ(Value("cpuset", group_, "cpuset.cpus"), "0");
  EXPECT_EQ(Value("pids", group_, "pids.max"), "77");
}

TEST_F(V1Test, UpdateRaisesAndLowersMemoryWithSwap) {
  Create(group_, {.memory = 64 << 20, .memory_swap = 64 << 20});
  for (int64_t mib : {128, 32, 256}) {
    Apply({.memory = mib << 20, .memory_swap = mib << 20});
    EXPECT_EQ(Value("memory", group_, "memory.limit_in_bytes"), std::to_string(mib << 20));
    EXPECT_EQ(Value("memory", group_, "memory.memsw.limit_in_bytes"), std::to_string(mib << 20));
  }
  Apply({.memory = -1, .memory_swap = -1});
  EXPECT_EQ(Value("memory", group_, "memory.limit_in_bytes"),
            Value("memory", parent_, "memory.limit_in_bytes"));
}

TEST_F(V1Test, AFailedUpdatePutsEverythingBack) {
  Create(group_, {.cpu_shares = 512, .memory = 64 << 20, .memory_swap = 64 << 20});
  auto updated = groups_->Update(group_, {.cpu_shares = 100, .memory = 128 << 20});
  ASSERT_FALSE(updated.ok());
  EXPECT_EQ(updated.error().code(), Code::kFailedPrecondition);
  EXPECT_NE(updated.error().text().find("memory_limit_in_bytes 134217728"), std::string::npos)
      << updated.error().text();
  EXPECT_EQ(Value("cpu", group_, "cpu.shares"), "512");
  EXPECT_EQ(Value("memory", group_, "memory.limit_in_bytes"), std::to_string(64 << 20));
}

TEST_F(V1Test, AnUpdateThatIsNotCommittedIsPutBack) {
  std::vector<DeviceRule> one{{.allow = false}, {.type = 'c', .major = 1, .minor = 3}};
  std::vector<DeviceRule> other{{.allow = false}, {.type = 'c', .major = 1, .minor = 5}};
  Create(group_, {.cpu_quota = 20000, .cpu_period = 50000, .devices = one});
  {
    auto updated = groups_->Update(
        group_, {.cpu_quota = 80000, .cpu_period = 100000, .pids = 5, .devices = other});
    ASSERT_TRUE(updated.ok()) << updated.error().text();
    EXPECT_EQ(Value("cpu", group_, "cpu.cfs_quota_us"), "80000");
    EXPECT_EQ(Value("pids", group_, "pids.max"), "5");
    EXPECT_EQ(Value("devices", group_, "devices.list"), "c 1:5 rwm");
  }
  EXPECT_EQ(Value("cpu", group_, "cpu.cfs_quota_us"), "20000");
  EXPECT_EQ(Value("cpu", group_, "cpu.cfs_period_us"), "50000");
  EXPECT_EQ(Value("pids", group_, "pids.max"), "max");
  EXPECT_EQ(Value("devices", group_, "devices.list"), "c 1:3 rwm");
}

// The kernel refuses a share of the processors above the parent's at every single write.
TEST_F(V1Test, QuotaAndPeriodChangeBelowATightParent) {
  Create(parent_ + "/pod", {.cpu_quota = 50000, .cpu_period = 100000});
  Create(group_, {.cpu_quota = 50000, .cpu_period = 100000});
  for (int64_t period : {10000, 1000000, 20000}) {
    Apply({.cpu_quota = period / 2, .cpu_period = period});
    EXPECT_EQ(Value("cpu", group_, "cpu.cfs_period_us"), std::to_string(period));
    EXPECT_EQ(Value("cpu", group_, "cpu.cfs_quota_us"), std::to_string(period / 2));
  }
}

TEST_F(V1Test, MemoryBelowWhatIsUsedIsRefused) {
  Placement place = Create(group_);
  Run(place, "kill -STOP $$", "x=$(head -c 30000000 /dev/zero | tr '\\0' x)");
  auto updated = groups_->Update(group_, {.memory = 4 << 20});
  if (updated.ok()) GTEST_SKIP() << "the node has swap";
  EXPECT_EQ(updated.error().code(), Code::kFailedPrecondition);
  EXPECT_NE(updated.error().text().find("memory_limit_in_bytes 4194304: below what"),
            std::string::npos)
      << updated.error().text();
}

TEST_F(V1Test, UpdateOfNothingIsNotFound) {
  auto updated = groups_->Update(group_, {.cpu_shares = 512});
  ASSERT_FALSE(updated.ok());
  EXPECT_EQ(updated.error().code(), Code::kNotFound);
}

TEST_F(V1Test, AFailedCreateLeavesNothing) {
  auto made = groups_->Create(
      group_,
      {.memory = 64 << 20, .devices = std::vector<DeviceRule>{{.type = 'c', .access = "?"}}});
  ASSERT_FALSE(made.ok());
  EXPECT_FALSE(groups_->Exists(parent_));
  auto unified = groups_->Create(group_, {.unified = {{"memory.high", "1"}}});
  ASSERT_FALSE(unified.ok());
  EXPECT_EQ(unified.error().code(), Code::kInvalidArgument);
  EXPECT_FALSE(groups_->Exists(parent_));
}

// A pod whose parent is called like a control file can be undone.
TEST_F(V1Test, AParentThatIsAFileIsRefusedAndNothingIsThere) {
  for (const char* path : {"/cgroup.procs/pod/c", "/cpu.shares/c"}) {
    auto made = groups_->Create(path, {});
    ASSERT_FALSE(made.ok()) << path;
    EXPECT_EQ(made.error().code(), Code::kInvalidArgument) << made.error().text();
    EXPECT_NE(made.error().text().find("leads through a file"), std::string::npos) << made.error().text();
    auto gone = groups_->Destroy(path, After(kLong));
    EXPECT_TRUE(gone.ok()) << gone.error().text();
    EXPECT_FALSE(groups_->Exists(path));
  }
}

TEST_F(V1Test, UnifiedIsWhatV1HasUnderAnotherName) {
  Create(group_, {.unified = {{"memory.low", "8388608"}}});
  EXPECT_EQ(Value("memory", group_, "memory.soft_limit_in_bytes"), "8388608");
  Apply({.unified = {{"memory.low", "0"}}});
  EXPECT_EQ(Value("memory", group_, "memory.soft_limit_in_bytes"), Value("memory", parent_, "memory.soft_limit_in_bytes"));
  for (const char* key : {"memory.high", "memory.nonsense"}) {
    auto updated = groups_->Update(group_, {.cpu_shares = 77, .unified = {{key, "1"}}});
    ASSERT_FALSE(updated.ok());
    EXPECT_EQ(updated.error().code(), Code::kInvalidArgument);
    EXPECT_NE(updated.error().text().find(Cat("unified \"", key, "\"")), std::string::npos) << updated.error().text();
    EXPECT_EQ(Value("cpu", group_, "cpu.shares"), "1024");
  }
}

TEST_F(V1Test, UnifiedLimitsDisks) {
  Create(group_);
  if (Value("blkio", group_, "blkio.throttle.read_bps_device") != "") GTEST_SKIP() << "no blkio here";
  std::string disk = NodeDisk();
  if (disk.empty()) GTEST_SKIP() << "no disk";
  auto limit = [&] { return Value("blkio", group_, "blkio.throttle.read_bps_device"); };
  {
    auto updated = groups_->Update(group_, {.unified = {{"io.max", Cat(disk, " rbps=4096000 wiops=max")}}});
    ASSERT_TRUE(updated.ok()) << updated.error().text();
    EXPECT_EQ(limit(), Cat(disk, " 4096000"));
  }
  EXPECT_EQ(limit(), "") << "put back";
  Apply({.unified = {{"io.max", Cat(disk, " rbps=4096000")}}});
  {
    auto updated = groups_->Update(group_, {.unified = {{"io.max", Cat(disk, " rbps=max")}}});
    ASSERT_TRUE(updated.ok()) << updated.error().text();
    EXPECT_EQ(limit(), "");
  }
  EXPECT_EQ(limit(), Cat(disk, " 4096000")) << "put back";
  auto nowhere = groups_->Update(group_, {.unified = {{"io.max", "4000:77 rbps=4096000"}}});
  ASSERT_FALSE(nowhere.ok());
  EXPECT_EQ(nowhere.error().code(), Code::kInvalidArgument);
  EXPECT_NE(nowhere.error().text().find("unified \"io.max\""), std::string::npos) << nowhere.error().text();
  if (Value("blkio", group_, "blkio.bfq.weight") == "100") {  // where the kernel has that scheduler
    Apply({.unified = {{"io.weight", "default 250"}}});
    EXPECT_EQ(Value("blkio", group_, "blkio.bfq.weight"), "250");
  }
}

TEST_F(V1Test, CreateTakesOverWhatExists) {
  Create(group_, {.cpu_shares = 512});
  Create(group_, {.cpu_shares = 256});
  EXPECT_EQ(Value("cpu", group_, "cpu.shares"), "256");
}

TEST_F(V1Test, DeviceRulesAreEnforced) {
  std::vector<DeviceRule> rules{
      {.allow = false}, {.type = 'c', .major = 1, .minor = 3}, {.type = 'c', .major = 136}};
  Placement place = Create(group_, {.devices = rules});
  EXPECT_EQ(Value("devices", group_, "devices.list"), "c 1:3 rwm\nc 136:* rwm");
  const sys::Child& child = Run(place, "head -c1 /dev/null && ! head -c1 /dev/zero");
  auto exit = sys::WaitPidfd(child.pidfd, After(kLong));
  EXPECT_EQ(exit->code, 0);
  children_.clear();
}

TEST_F(V1Test, DestroyKillsAndRemovesGroupsBelow) {
  Placement place = Create(group_);
  const sys::Child& child = Run(place, "sleep 1000 & exec sleep 1000");
  // What a container with its own cgroup mounts may leave, deeper than any path.
  std::string deep = place.join_dirs[0];
  for (int i = 0; i < 300; ++i)
    ASSERT_TRUE(sys::MkdirAt(kCwd, deep += "/nested-by-the-container", 0755).ok() || i > 100);
  auto destroyed = groups_->Destroy(group_, After(kLong));
  ASSERT_TRUE(destroyed.ok()) << destroyed.error().text();
  EXPECT_EQ(sys::WaitPidfd(child.pidfd, After(kLong))->signal, 9);
  children_.clear();
  EXPECT_FALSE(groups_->Exists(group_));
  EXPECT_TRUE(groups_->Exists(parent_));
  EXPECT_TRUE(groups_->Destroy(group_, After(kLong)).ok()) << "a second time";
}

TEST_F(V1Test, KillReachesExecsAndGroupsBelow) {
  Placement place = Create(group_);
  auto exec_dir = groups_->CreateExec(group_, "exec-1");
  ASSERT_TRUE(exec_dir.ok()) << exec_dir.error().text();
  Placement exec_place = place;
  exec_place.v2_dir = *exec_dir;
  Run(place, "exec sleep 1000");
  Run(exec_place, "exec sleep 1000");
  ASSERT_TRUE(groups_->Kill(group_).ok());
  for (const sys::Child& child : children_)
    EXPECT_EQ(sys::WaitPidfd(child.pidfd, After(kLong))->signal, 9);
  children_.clear();
  EXPECT_TRUE(groups_->Exists(group_));
}

TEST_F(V1WithoutV2Test, KillAndDestroyStopAForkingTree) {
  Placement place = Create(group_);
  EXPECT_EQ(place.v2_dir, "");
  EXPECT_EQ(*groups_->CreateExec(group_, "exec-1"), "");
  const sys::Child& child = Run(place, "while :; do sleep 100 & done");
  auto destroyed = groups_->Destroy(group_, After(kLong));
  ASSERT_TRUE(destroyed.ok()) << destroyed.error().text();
  EXPECT_EQ(sys::WaitPidfd(child.pidfd, After(kLong))->signal, 9);
  children_.clear();
  EXPECT_FALSE(groups_->Exists(group_));
}

TEST_F(V1Test, AProcessThatLeftTheV2TreeIsKilledAllTheSame) {
  Placement place = Create(group_);
  Placement apart = place;
  apart.v2_dir = "";
  const sys::Child& child = Run(apart, "exec sleep 1000");
  auto destroyed = groups_->Destroy(group_, After(kLong));
  ASSERT_TRUE(destroyed.ok()) << destroyed.error().text();
  EXPECT_EQ(sys::WaitPidfd(child.pidfd, After(kLong))->signal, 9);
  children_.clear();
}

TEST_F(V1Test, MissingGroupsAreFineToKillAndDestroy) {
  EXPECT_TRUE(groups_->Kill(group_).ok());
  EXPECT_TRUE(groups_->Destroy(group_, After(kLong)).ok());
  EXPECT_FALSE(groups_->Exists(group_));
  EXPECT_FALSE(groups_->Destroy("/", After(kLong)).ok());
  EXPECT_FALSE(groups_->Destroy("/..", After(kLong)).ok());
}

TEST_F(V1Test, V2ParentsThatWeMadeGoWithTheirLastChild) {
  if (layout_.v2.empty()) GTEST_SKIP() << "no v2 tree";
  Create(group_);
  Create(parent_ + "/pod/second");
  ASSERT_TRUE(groups_->Destroy(group_, After(kLong)).ok());
  EXPECT_TRUE(sys::Exists(kCwd, layout_.v2 + parent_ + "/pod"));
  ASSERT_TRUE(groups_->Destroy(parent_ + "/pod/second", After(kLong)).ok());
  EXPECT_FALSE(sys::Exists(kCwd, layout_.v2 + parent_));
  EXPECT_TRUE(sys::Exists(kCwd, layout_.v1[0].dir + parent_ + "/pod"))
      << "v1 parents may be the kubelet's";
}

TEST_F(V1Test, StatsCountWhatTheGroupDid) {
  Placement place = Create(group_, {.memory = 256 << 20});
  const sys::Child& child =
      Run(place, "kill -STOP $$", "x=$(head -c 20000000 /dev/zero | tr '\\0' x)");
  auto stats = groups_->ReadStats(group_);
  // The kernel sums memory.stat up every two seconds, or at a read once there is enough for its number of processors. Until
  // then it lacks what has come, and has what has gone.
  auto summed_up = [&] { return stats->memory_rss >= 15u << 20 && stats->memory_rss <= stats->memory_usage; };
  for (Deadline end = After(kLong); stats.ok() && !summed_up() && MillisLeft(end) > 0;)
    stats = groups_->ReadStats(group_);
  ASSERT_TRUE(stats.ok()) << stats.error().text();
  EXPECT_GT(stats->cpu_usage_nanos, 0u);
  EXPECT_GE(stats->memory_rss, 15u << 20);
  EXPECT_GE(stats->memory_usage, stats->memory_rss);
  EXPECT_LE(stats->memory_working_set, stats->memory_usage);
  EXPECT_EQ(stats->memory_limit, 256u << 20);
  EXPECT_GT(stats->page_faults, 0u);
  EXPECT_EQ(stats->cpu_pressure.has_value(), sys::Exists(kCwd, layout_.v2 + group_ + "/cpu.pressure"));
  EXPECT_FALSE(sys::PidfdExited(child.pidfd));
  EXPECT_EQ(groups_->ReadStats(parent_ + "/none").error().code(), Code::kNotFound);
}

TEST_F(V1Test, CountersAreTheKernelsFiles) {
  Placement place = Create(group_, {.memory = 64 << 20});
  const sys::Child& child = Run(place, "kill -STOP $$", "x=$(head -c 20000000 /dev/zero | tr '\\0' x)");
  auto number = [&](const char* hierarchy, const char* file) {
    for (const V1Mount& mount : layout_.v1)
      if (std::ranges::count(mount.controllers, hierarchy))
        return ParseNumber(sys::ReadFile(kCwd, Cat(mount.dir, group_, "/", file), 4096).value_or("")).value_or(0);
    return uint64_t{0};
  };
  auto cpu_nanos = [&] {
    std::string text = Value("cpuacct", group_, "cpuacct.stat");
    return (KeyedValue(text, "user") + KeyedValue(text, "system")) * 10'000'000;
  };
  const uint64_t before = cpu_nanos();
  EXPECT_GT(before, 0u);
  auto counters = groups_->ReadCounters(group_);
  ASSERT_TRUE(counters.ok()) << counters.error().text();
  EXPECT_EQ(counters->memory_max_usage, number("memory", "memory.max_usage_in_bytes"));
  EXPECT_GE(counters->memory_max_usage, 15u << 20);
  EXPECT_EQ(counters->memory_limit_hits, number("memory", "memory.failcnt"));
  EXPECT_GE(counters->cpu_user_nanos + counters->cpu_system_nanos, before);
  EXPECT_LE(counters->cpu_user_nanos + counters->cpu_system_nanos, cpu_nanos());
  EXPECT_EQ(counters->threads, number("pids", "pids.current"));
  EXPECT_GE(counters->threads, 1u);
  EXPECT_GT(counters->own_page_faults, 0u);
  EXPECT_EQ(counters->oom_kills, 0u);
  EXPECT_EQ(counters->threads_max, 0u);
  EXPECT_EQ(counters->memory_reservation, 0u);
  auto processes = groups_->Processes(group_);
  ASSERT_TRUE(processes.ok());
  EXPECT_EQ(std::ranges::count(*processes, child.pid), 1);
  EXPECT_EQ(groups_->ReadCounters(parent_ + "/none").error().code(), Code::kNotFound);
}

TEST_F(V1Test, AnOomKillInAGroupBelowIsCountedToo) {
  Create(group_, {.memory = 8 << 20, .memory_swap = 8 << 20});
  Placement below = Create(group_ + "/of-the-container");
  const sys::Child& child = Run(below, "x=$(head -c 60000000 /dev/zero | tr '\\0' x)");
  EXPECT_TRUE(sys::WaitPidfd(child.pidfd, After(kLong)).ok());
  children_.clear();
  EXPECT_GE(*groups_->ReadOomKills(group_), 1u);
}

TEST_F(V1Test, AnOomKillIsCounted) {
  Placement place = Create(group_, {.memory = 8 << 20, .memory_swap = 8 << 20});
  EXPECT_EQ(*groups_->ReadOomKills(group_), 0u);
  const sys::Child& child = Run(place, "x=$(head -c 60000000 /dev/zero | tr '\\0' x)");
  EXPECT_TRUE(sys::WaitPidfd(child.pidfd, After(kLong)).ok());
  children_.clear();
  EXPECT_GE(*groups_->ReadOomKills(group_), 1u);
}

TEST(Detect, SaysWhatTheNodeHas) {
  auto groups = Cgroups::Detect({});
  if (!groups.ok()) {
    EXPECT_EQ(groups.error().code(), Code::kFailedPrecondition) << "no controllers";
    return;
  }
  EXPECT_EQ((*groups)->Describe().substr(0, 1), "v");
  EXPECT_TRUE((*groups)->Exists("/"));
  EXPECT_FALSE((*groups)->Children("/").empty());
}

}  // namespace
}  // namespace cradle::cgroups
