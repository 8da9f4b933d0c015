#include "cgroups/counters.h"

#include <gtest/gtest.h>
#include <fcntl.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <tuple>

#include "base/sys/file.h"

namespace cradle::cgroups {
namespace {

TEST(ParseBlkio, TakesReadsAndWritesOfEachDevice) {
  std::string told;
  ParseBlkio("8:0 Read 4096\n8:0 Write 1\n8:0 Sync 7\n8:0 Total 4097\n254:16 Write 9\nbad Read 1\n8:x Read 2\nTotal 4106\n",
             [&](uint32_t major, uint32_t minor, bool write, uint64_t value) {
               told += std::to_string(major) + ":" + std::to_string(minor) + (write ? " w" : " r") +
                       std::to_string(value) + "\n";
             });
  EXPECT_EQ(told, "8:0 r4096\n8:0 w1\n254:16 w9\n");
}

TEST(ParseIoStat, TakesBytesAndOperationsOfEachDevice) {
  auto io = ParseIoStat("8:0 rbytes=4096 wbytes=1 rios=2 wios=3 dbytes=9 dios=9\nbad\n8:x rbytes=1\n254:16 wios=7\n");
  ASSERT_EQ(io.size(), 2u);
  EXPECT_EQ(std::tie(io[0].major, io[0].minor), std::make_tuple(8u, 0u));
  EXPECT_EQ(std::tie(io[0].read_bytes, io[0].write_bytes, io[0].reads, io[0].writes),
            std::make_tuple(4096u, 1u, 2u, 3u));
  EXPECT_EQ(io[1].writes, 7u);
}

TEST(HugepageSizes, AreThoseWithAFile) {
  char name[] = "/tmp/huge-XXXXXX";
  std::string dir = mkdtemp(name);
  for (const char* file : {"hugetlb.2MB.usage_in_bytes", "hugetlb.2MB.rsvd.usage_in_bytes", "hugetlb.1GB.usage_in_bytes",
                           "hugetlb.1GB.max_usage_in_bytes", "memory.usage_in_bytes"})
    std::ofstream(dir + "/" + file) << "0\n";
  auto group = sys::OpenAt(kCwd, dir, O_PATH | O_DIRECTORY);
  ASSERT_TRUE(group.ok());
  EXPECT_EQ(HugepageSizes(*group, "usage_in_bytes"), (std::vector<std::string>{"1GB", "2MB"}));
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace cradle::cgroups
