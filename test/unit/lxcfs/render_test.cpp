// Golden texts: what a container of 64 MiB and 1.5 processors reads on a host that is far bigger.
#include "lxcfs/render.h"

#include <gtest/gtest.h>

namespace cradle::lxcfs {
namespace {

using cgroups::DiskFigures;
using cgroups::MemoryFigures;

constexpr uint64_t kMiB = 1 << 20;

constexpr char kHostMeminfo[] =
    "MemTotal:       24684092 kB\n"
    "MemFree:        12968912 kB\n"
    "MemAvailable:   20606208 kB\n"
    "Buffers:           77808 kB\n"
    "Cached:          7406060 kB\n"
    "SwapCached:           12 kB\n"
    "Active:          2971100 kB\n"
    "Inactive:        7798688 kB\n"
    "Active(anon):       1744 kB\n"
    "SwapTotal:       2097152 kB\n"
    "SwapFree:        2097000 kB\n"
    "Dirty:            261252 kB\n"
    "AnonPages:       3308684 kB\n"
    "Shmem:              8856 kB\n"
    "SReclaimable:     496608 kB\n"
    "Committed_AS:    4020204 kB\n"
    "VmallocTotal:   34359738367 kB\n"
    "VmallocUsed:       15580 kB\n"
    "HugePages_Total:      17\n"
    "Hugepagesize:       2048 kB\n"
    "DirectMap1G:    25165824 kB\n";

MemoryFigures Figures() {
  MemoryFigures figures;
  figures.limit = 64 * kMiB;
  figures.usage = 40 * kMiB;
  figures.swap_limit = 32 * kMiB;
  figures.swap_usage = 2 * kMiB;
  figures.anon = 20 * kMiB;
  figures.file = 16 * kMiB;
  figures.shmem = 1 * kMiB;
  figures.dirty = 8192;
  figures.active_anon = 4 * kMiB;
  figures.inactive_anon = 17 * kMiB;
  figures.active_file = 5 * kMiB;
  figures.inactive_file = 10 * kMiB;
  figures.slab_reclaimable = 2 * kMiB;
  figures.faults = 1234;
  return figures;
}

TEST(RenderMeminfo, IsTheContainersInTheHostsShape) {
  EXPECT_EQ(RenderMeminfo(kHostMeminfo, Figures()),
            "MemTotal:          65536 kB\n"
            "MemFree:           24576 kB\n"
            "MemAvailable:      36864 kB\n"
            "Buffers:               0 kB\n"
            "Cached:            16384 kB\n"
            "SwapCached:            0 kB\n"
            "Active:             9216 kB\n"
            "Inactive:          27648 kB\n"
            "Active(anon):       4096 kB\n"
            "SwapTotal:         32768 kB\n"
            "SwapFree:          30720 kB\n"
            "Dirty:                 8 kB\n"
            "AnonPages:         20480 kB\n"
            "Shmem:              1024 kB\n"
            "SReclaimable:       2048 kB\n"
            "Committed_AS:      23552 kB\n"
            "VmallocTotal:   34359738367 kB\n"
            "VmallocUsed:           0 kB\n"
            "HugePages_Total:       0\n"
            "Hugepagesize:       2048 kB\n"
            "DirectMap1G:           0 kB\n");
}

uint64_t Kilobytes(const std::string& meminfo, const std::string& key) {
  size_t at = meminfo.find(key + ":");
  EXPECT_NE(at, meminfo.npos) << key;
  return std::stoull(meminfo.substr(at + key.size() + 1));
}

TEST(RenderMeminfo, WithoutALimitTheSizeIsTheHosts) {
  MemoryFigures figures = Figures();
  figures.limit = figures.swap_limit = cgroups::kUnlimited;
  std::string text = RenderMeminfo(kHostMeminfo, figures);
  EXPECT_EQ(Kilobytes(text, "MemTotal"), 24684092u);
  EXPECT_EQ(Kilobytes(text, "MemFree"), 24684092u - 40960);
  EXPECT_EQ(Kilobytes(text, "SwapTotal"), 2097152u);
}

// A limit lowered in place, figures read one after another.
TEST(RenderMeminfo, NothingWrapsWhenMoreIsUsedThanAllowed) {
  MemoryFigures figures = Figures();
  figures.limit = 16 * kMiB;
  figures.swap_limit = 0;
  figures.inactive_file = 100 * kMiB;
  std::string text = RenderMeminfo(kHostMeminfo, figures);
  EXPECT_EQ(Kilobytes(text, "MemTotal"), 16384u);
  EXPECT_EQ(Kilobytes(text, "MemFree"), 0u);
  EXPECT_EQ(Kilobytes(text, "MemAvailable"), 16384u);
  EXPECT_EQ(Kilobytes(text, "SwapTotal"), 2048u);
  EXPECT_EQ(Kilobytes(text, "SwapFree"), 0u);
}

TEST(RenderSwaps, IsOneLineOrNone) {
  EXPECT_EQ(RenderSwaps(kHostMeminfo, Figures()),
            "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
            "none                                    virtual\t\t32768\t2048\t0\n");
  MemoryFigures none;
  none.swap_limit = 0;
  EXPECT_EQ(RenderSwaps(kHostMeminfo, none), "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
}

TEST(RenderVmstat, CountsTheContainersPagesAndNothingElse) {
  std::vector<DiskFigures> disks(2);
  disks[0].read_bytes = 3 * kMiB;
  disks[1].written_bytes = 1 * kMiB;
  EXPECT_EQ(RenderVmstat("nr_free_pages 849104\nnr_zone_active_file 12\nnr_dirty 65313\npgpgin 1986709\npgpgout 16440092\n"
                         "pgfault 99999\noom_kill 77\nnuma_hit 5\n",
                         kHostMeminfo, Figures(), 3, disks),
            "nr_free_pages 6144\nnr_zone_active_file 0\nnr_dirty 2\npgpgin 3072\npgpgout 1024\n"
            "pgfault 1234\noom_kill 3\nnuma_hit 0\n");
}

constexpr char kHostCpuinfo[] =
    "processor\t: 0\nmodel name\t: Fast\nsiblings\t: 8\ncpu cores\t: 4\nbugs\t\t:\n\n"
    "processor\t: 1\nmodel name\t: Fast\nsiblings\t: 8\ncpu cores\t: 4\nbugs\t\t:\n\n"
    "processor\t: 10\nmodel name\t: Slow\nsiblings\t: 8\ncpu cores\t: 4\nbugs\t\t:\n\n";

TEST(RenderCpuinfo, HasTheBlocksOfItsProcessors) {
  EXPECT_EQ(RenderCpuinfo(kHostCpuinfo, CpuSet::Parse("1,10")),
            "processor\t: 1\nmodel name\t: Fast\nsiblings\t: 2\ncpu cores\t: 2\nbugs\t\t:\n\n"
            "processor\t: 10\nmodel name\t: Slow\nsiblings\t: 2\ncpu cores\t: 2\nbugs\t\t:\n\n");
}

TEST(RenderCpuinfo, KeepsWhatIsAboutTheMachine) {
  EXPECT_EQ(RenderCpuinfo("processor\t: 0\nBogoMIPS\t: 1\n\nprocessor\t: 1\nBogoMIPS\t: 1\n\nHardware\t: Board\n",
                          CpuSet::Parse("0")),
            "processor\t: 0\nBogoMIPS\t: 1\n\nHardware\t: Board\n");
}

constexpr char kHostStat[] =
    "cpu  159698 44839 23626 45232 595 0 265 3314 0 0\n"
    "cpu0 82932 19741 10906 23610 33 0 21 1572 0 0\n"
    "cpu1 76765 25098 12720 21622 562 0 243 1742 0 0\n"
    "cpu2 76765 25098 12720 21622 562 0 243 1742 0 0\n"
    "intr 1218579 0 0 17\nctxt 1886598\nbtime 1795262306\nprocesses 25789\nprocs_running 18\nprocs_blocked 3\n"
    "softirq 528354 0 78881 6 15191 156524 0 986 66225 3 210538\n";

TEST(RenderStat, SharesTheContainersTimeBetweenItsProcessors) {
  CpuClock::Times times{.user = 4'000'000, .system = 2'000'000, .steal = 1'000'000, .idle = 13'000'000};
  EXPECT_EQ(RenderStat(kHostStat, CpuSet::Parse("0,2"), times, 1000, 7, 2),
            "cpu  400 0 200 1300 0 0 0 100 0 0\n"
            "cpu0 200 0 100 650 0 0 0 50 0 0\n"
            "cpu2 200 0 100 650 0 0 0 50 0 0\n"
            "intr 0\nctxt 0\nbtime 1795263306\nprocesses 7\nprocs_running 2\nprocs_blocked 0\n"
            "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
}

TEST(RenderStat, IsWholeOnAHostOfManyProcessors) {
  std::string host = "cpu  1 2 3 4 5 6 7 8 9 10\n";
  for (int cpu = 0; cpu < 1024; ++cpu) host += "cpu" + std::to_string(cpu) + " 1 2 3 4 5 6 7 8 9 10\n";
  std::string text = RenderStat(host + "btime 5\n", CpuSet::Parse("0-1023"), {}, 0, 1, 1);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1026);
  EXPECT_TRUE(text.ends_with("cpu1023 0 0 0 0 0 0 0 0 0 0\nbtime 5\n"));
}

TEST(RenderUptime, IsInHundredths) {
  EXPECT_EQ(RenderUptime(61'234'567, 5'000), "61.23 0.00\n");
  EXPECT_EQ(RenderUptime(0, 0), "0.00 0.00\n");
}

TEST(RenderLoadavg, NeverHasMoreRunningThanThereAre) {
  LoadClock::Averages averages{.load = {0.634, 1.5, 12.999}, .current = 3.2};
  EXPECT_EQ(RenderLoadavg(averages, 9), "0.63 1.50 13.00 4/9 9\n");
  EXPECT_EQ(RenderLoadavg(averages, 2), "0.63 1.50 13.00 2/2 2\n");
}

TEST(RenderDiskstats, HasTheDisksThatWereUsed) {
  DiskFigures disk{.major = 254, .minor = 0, .reads = 10, .read_bytes = 40960, .writes = 5, .written_bytes = 1024};
  EXPECT_EQ(RenderDiskstats("   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
                            " 254       0 vda 128797 31464 3973418 107299 52762 129489 32880184 199038 0 40944 311881 10041 "
                            "21 11935472 5037 2421 505\n",
                            {disk}),
            " 254       0 vda 10 0 80 0 5 0 2 0 0 0 0 0 0 0 0 0 0\n");
  EXPECT_EQ(RenderDiskstats("   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\n", {{.major = 8, .minor = 0, .reads = 1}}),
            "   8       0 sda 1 0 0 0 0 0 0 0 0 0 0\n");
}

constexpr char kPressure[] =
    "some avg10=1.50 avg60=0.40 avg300=0.10 total=5726\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=676\n";

TEST(RenderPressure, IsTheGroupsOrNothing) {
  EXPECT_EQ(RenderPressure("some avg10=9.00 avg60=9.00 avg300=9.00 total=9\n", kPressure), kPressure);
  EXPECT_EQ(RenderPressure(kPressure, ""),
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
  EXPECT_EQ(PressureTotal(kPressure), 5726u);
  EXPECT_EQ(PressureTotal(""), 0u);
}

// What the kernel never writes must not end a shim either.
TEST(Render, TakesAnyText) {
  for (std::string_view host : {"", "\n", "\n\n\n", ":", "cpu", "no newline", ": 5 kB\n", "MemTotal:\n", "processor", "8 0"}) {
    EXPECT_NO_FATAL_FAILURE(RenderMeminfo(host, Figures()));
    EXPECT_NO_FATAL_FAILURE(RenderVmstat(host, host, Figures(), 0, {}));
    EXPECT_NO_FATAL_FAILURE(RenderCpuinfo(host, CpuSet::Parse("0")));
    EXPECT_NO_FATAL_FAILURE(RenderStat(host, CpuSet::Parse(""), {}, 0, 0, 0));
    EXPECT_NO_FATAL_FAILURE(RenderDiskstats(host, {DiskFigures{}}));
    EXPECT_NO_FATAL_FAILURE(RenderPressure(host, ""));
  }
}

}  // namespace
}  // namespace cradle::lxcfs
