// Figures of groups that are plain files here, in the kernel's own words.
#include "cgroups/figures.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace cradle::cgroups {
namespace {

class FiguresTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/figures.XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    dir_ = name;
    std::filesystem::create_directories(dir_ + "/pod/container");
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  void Write(const std::string& path, const std::string& text) {
    std::ofstream(dir_ + "/" + path) << text;
    files_.LookAgain();
  }

  std::string dir_;
  KeptFiles files_;
};

class FiguresV1 : public FiguresTest {
 protected:
  std::unique_ptr<Figures> Open() {
    std::string group = dir_ + "/pod/container";
    return Figures::Open({{"memory", group}, {"cpu", group}, {"cpuacct", group}, {"cpuset", group}, {"pids", group},
                          {"blkio", group}, {"unified", group}}, files_);
  }
  void WriteMemory(const std::string& limits) {
    Write("pod/container/memory.stat",
          "cache 1\nrss 2\n" + limits +
              "total_cache 4096\ntotal_rss 8192\ntotal_rss_huge 0\ntotal_shmem 1024\ntotal_inactive_file 2048\n"
              "total_swap 512\ntotal_pgmajfault 7\n");
  }
};

TEST_F(FiguresV1, OfMemoryAreTheTotalsAndTheLeastLimit) {
  WriteMemory("hierarchical_memory_limit 67108864\nhierarchical_memsw_limit 100663296\n");
  Write("pod/container/memory.usage_in_bytes", "40000\n");
  Write("pod/container/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
  auto memory = Open()->ReadMemory();
  EXPECT_EQ(memory.limit, 64u << 20);
  EXPECT_EQ(memory.swap_limit, 32u << 20);
  EXPECT_EQ(memory.usage, 40000u);
  EXPECT_EQ(memory.anon, 8192u);
  EXPECT_EQ(memory.file, 4096u);
  EXPECT_EQ(memory.shmem, 1024u);
  EXPECT_EQ(memory.inactive_file, 2048u);
  EXPECT_EQ(memory.swap_usage, 512u);
  EXPECT_EQ(memory.major_faults, 7u);
  EXPECT_EQ(Open()->ReadOomKills(), 3u);
}

TEST_F(FiguresV1, WithoutLimitsAreUnlimited) {
  WriteMemory("hierarchical_memory_limit 9223372036854771712\nhierarchical_memsw_limit 9223372036854771712\n");
  auto memory = Open()->ReadMemory();
  EXPECT_EQ(memory.limit, kUnlimited);
  EXPECT_EQ(memory.swap_limit, kUnlimited);
}

TEST_F(FiguresV1, WithoutSwapAccountingHaveNoSwap) {
  WriteMemory("hierarchical_memory_limit 67108864\n");
  EXPECT_EQ(Open()->ReadMemory().swap_limit, 0u);
}

TEST_F(FiguresV1, OfCpuTakeTheLeastQuotaAbove) {
  Write("pod/container/cpuacct.usage_user", "3000000\n");
  Write("pod/container/cpuacct.usage_sys", "1000000\n");
  Write("pod/container/cpu.stat", "nr_periods 10\nnr_throttled 2\nthrottled_time 5000000\n");
  for (const char* group : {"pod/container/", "pod/", ""}) Write(std::string(group) + "cpu.cfs_period_us", "100000\n");
  Write("pod/container/cpu.cfs_quota_us", "-1\n");
  Write("pod/cpu.cfs_quota_us", "150000\n");
  Write("cpu.cfs_quota_us", "400000\n");
  auto cpu = Open()->ReadCpu();
  EXPECT_EQ(cpu.user_us, 3000u);
  EXPECT_EQ(cpu.system_us, 1000u);
  EXPECT_EQ(cpu.throttled_us, 5000u);
  EXPECT_EQ(Open()->ReadQuota(), 1500u);
  Write("pod/cpu.cfs_quota_us", "-1\n");
  Write("cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(Open()->ReadQuota(), kUnlimited);
}

TEST_F(FiguresV1, OfDisksAreBytesAndCounts) {
  Write("pod/container/blkio.throttle.io_service_bytes_recursive",
        "8:16 Read 4096\n8:16 Write 8192\n8:16 Sync 1\n8:16 Discard 512\n8:16 Total 12800\nTotal 12800\n");
  Write("pod/container/blkio.throttle.io_serviced_recursive", "8:16 Read 1\n8:16 Write 2\n8:16 Discard 3\nTotal 6\n");
  auto disks = Open()->ReadDisks();
  ASSERT_EQ(disks.size(), 1u);
  EXPECT_EQ(disks[0].major, 8u);
  EXPECT_EQ(disks[0].minor, 16u);
  EXPECT_EQ(disks[0].reads, 1u);
  EXPECT_EQ(disks[0].read_bytes, 4096u);
  EXPECT_EQ(disks[0].writes, 2u);
  EXPECT_EQ(disks[0].written_bytes, 8192u);
  EXPECT_EQ(disks[0].discards, 3u);
  EXPECT_EQ(disks[0].discarded_bytes, 512u);
}

TEST_F(FiguresV1, OfTheRest) {
  Write("pod/container/cpuset.cpus", "0-3\n");
  EXPECT_EQ(Open()->ReadCpus(), "0-3\n");
  Write("pod/container/cpuset.effective_cpus", "0-1\n");
  EXPECT_EQ(Open()->ReadCpus(), "0-1\n");
  Write("pod/container/pids.current", "12\n");
  EXPECT_EQ(Open()->ReadPids(), 12u);
  Write("pod/container/memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n");
  EXPECT_EQ(Open()->ReadPressure("memory"), "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n");
}

class FiguresV2 : public FiguresTest {
 protected:
  std::unique_ptr<Figures> Open() { return Figures::Open({{"unified", dir_ + "/pod/container"}}, files_); }
};

TEST_F(FiguresV2, OfMemoryTakeTheLeastLimitAbove) {
  Write("pod/container/memory.stat",
        "anon 8192\nfile 4096\nfile_mapped 512\nfile_dirty 1024\nslab_reclaimable 100\nslab_unreclaimable 200\nslab 300\n"
        "inactive_file 2048\npgfault 77\n");
  Write("pod/container/memory.current", "40000\n");
  Write("pod/container/memory.max", "max\n");
  Write("pod/memory.max", "67108864\n");
  Write("memory.max", "max\n");
  Write("pod/container/memory.swap.max", "0\n");
  Write("pod/memory.swap.max", "max\n");
  Write("pod/container/memory.swap.current", "0\n");
  Write("pod/container/memory.events", "low 0\nhigh 0\nmax 5\noom 2\noom_kill 1\n");
  auto memory = Open()->ReadMemory();
  EXPECT_EQ(memory.limit, 64u << 20);
  EXPECT_EQ(memory.swap_limit, 0u);
  EXPECT_EQ(memory.usage, 40000u);
  EXPECT_EQ(memory.mapped, 512u);
  EXPECT_EQ(memory.dirty, 1024u);
  EXPECT_EQ(memory.slab_reclaimable, 100u);
  EXPECT_EQ(memory.faults, 77u);
  EXPECT_EQ(Open()->ReadOomKills(), 1u);
}

TEST_F(FiguresV2, OfCpuTakeTheLeastQuotaAbove) {
  Write("pod/container/cpu.stat",
        "usage_usec 4000\nuser_usec 3000\nsystem_usec 1000\nnr_periods 10\nnr_throttled 2\nthrottled_usec 5000\n");
  Write("pod/container/cpu.max", "max 100000\n");
  Write("pod/cpu.max", "150000 100000\n");
  auto cpu = Open()->ReadCpu();
  EXPECT_EQ(cpu.user_us, 3000u);
  EXPECT_EQ(cpu.throttled_us, 5000u);
  EXPECT_EQ(Open()->ReadQuota(), 1500u);
}

TEST_F(FiguresV2, OfDisksAreInOneFile) {
  Write("pod/container/io.stat",
        "8:16 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=512 dios=3\n253:0 \nnonsense\n259:1 rbytes=1 wbytes=0 rios=1 "
        "wios=0 dbytes=0 dios=0 cost.usage=5\n");
  auto disks = Open()->ReadDisks();
  ASSERT_EQ(disks.size(), 2u);
  EXPECT_EQ(disks[0].written_bytes, 8192u);
  EXPECT_EQ(disks[0].discards, 3u);
  EXPECT_EQ(disks[1].major, 259u);
  EXPECT_EQ(disks[1].read_bytes, 1u);
}

TEST_F(FiguresV2, OfCpusAreTheNearestGroupsThatHasThem) {
  EXPECT_EQ(Open()->ReadCpus(), "");
  Write("cpuset.cpus.effective", "0-7\n");
  EXPECT_EQ(Open()->ReadCpus(), "0-7\n");
  Write("pod/container/cpuset.cpus.effective", "2\n");
  EXPECT_EQ(Open()->ReadCpus(), "2\n");
}

TEST_F(FiguresV2, OfAGroupThatIsGoneAreNothing) {
  auto figures = Figures::Open({{"unified", dir_ + "/no/such"}}, files_);
  EXPECT_EQ(figures->ReadMemory().usage, 0u);
  EXPECT_EQ(figures->ReadMemory().limit, kUnlimited);
  EXPECT_EQ(figures->ReadQuota(), kUnlimited);
  EXPECT_EQ(figures->ReadPids(), 0u);
  EXPECT_TRUE(figures->ReadDisks().empty());
}

}  // namespace
}  // namespace cradle::cgroups
