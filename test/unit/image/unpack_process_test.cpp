#include "image/unpack_process.h"

#include <signal.h>

#include "base/sys/process.h"
#include "fixture.h"

namespace cradle::image {
namespace {

class UnpackProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    sys::IgnoreSignal(SIGPIPE);
    config_.unpack_program = CRADLE_UNPACK_PROGRAM;
    std::filesystem::create_directory(root());
  }
  std::string root() const { return dir_.path() + "/fs"; }
  Result<std::unique_ptr<UnpackProcess>> Start() {
    return UnpackProcess::Start(config_, root(), [] { return Result<std::vector<std::string>>(std::vector<std::string>()); });
  }

  StoreConfig config_;
  TempDir dir_;
};

TEST_F(UnpackProcessTest, AKilledUnpackerLeavesOnlyItsFolder) {
  auto process = Start();
  ASSERT_OK(process);
  std::string tar = TarWriter().Directory("a").File("a/big", std::string(8 << 20, 'x')).Take();
  auto half = (*process)->Write(std::string_view(tar).substr(0, tar.size() / 2));
  ASSERT_OK(half);
  (*process)->Kill();
  auto done = (*process)->Finish();
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.error().text().find("killed by signal 9"), std::string::npos) << done.error().text();
  EXPECT_EQ(Entries(dir_.path()), std::vector<std::string>{"fs"});
  EXPECT_TRUE(sys::RemoveTree(kCwd, root()).ok());
}

TEST_F(UnpackProcessTest, WritingToADeadUnpackerIsAnErrorWithItsReason) {
  auto process = Start();
  ASSERT_OK(process);
  std::string garbage(4 << 20, 'x');
  auto written = (*process)->Write(garbage);
  auto done = written.ok() ? (*process)->Finish() : Result<Unpacked>(std::move(written.error()));
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.error().text().find("not a tar archive"), std::string::npos) << done.error().text();
}

TEST_F(UnpackProcessTest, TheLimitsOfTheConfigurationHold) {
  config_.max_layer_bytes = 10'000;
  auto process = Start();
  ASSERT_OK(process);
  auto written = (*process)->Write(TarWriter().File("a", std::string(20'000, 'x')).Take());
  auto done = written.ok() ? (*process)->Finish() : Result<Unpacked>(std::move(written.error()));
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.error().text().find("limit of 10000 bytes"), std::string::npos) << done.error().text();
}

TEST_F(UnpackProcessTest, ItsSizeIsWhatDuCounts) {
  auto process = Start();
  ASSERT_OK(process);
  auto written = (*process)->Write(TarWriter().Directory("d").File("d/a", std::string(100'000, 'x')).Take());
  ASSERT_OK(written);
  auto done = (*process)->Finish();
  ASSERT_OK(done);
  uint64_t bytes = 0;
  for (const char* name : {"", "/d", "/d/a"}) {  // the root, too
    auto info = sys::FstatAt(kCwd, root() + name, 0);
    ASSERT_OK(info);
    bytes += static_cast<uint64_t>(info->st_blocks) * 512;
  }
  EXPECT_EQ(done->bytes, bytes);
  EXPECT_EQ(done->inodes, 3u);
}

}  // namespace
}  // namespace cradle::image
