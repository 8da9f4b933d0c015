// What keeps a store true over the years: marks, check and repair, prune, pins, sizes, a full disk.
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include <algorithm>
#include <thread>

#include "base/clock.h"
#include "base/tree_size.h"
#include "fixture.h"

namespace cradle::image {
namespace {

using Strings = std::vector<std::string>;

class UpkeepTest : public StoreTest {
 protected:
  std::shared_ptr<const Image> Import(const std::string& name, const std::string& file) {
    auto images = store_->Import(MakeLayout(name, file), "");
    EXPECT_TRUE(images.ok()) << (images.ok() ? "" : images.error().text());
    return images.ok() ? images->front() : nullptr;
  }
  void Boot(const std::string& id) {
    adjust_ = [id](StoreConfig& config) { config.boot_id = id; };
    Reopen();
  }
  std::string LayerFile(const Image& image, const std::string& file) {
    return std::filesystem::path(image.layer_dirs.at(0)).parent_path().string() + "/" + file;
  }
  size_t CountImages() const { return store_->List().size(); }
  // What the store does behind its answers is over: every layer has its mark. (Flush would do the same beside it.)
  void WaitForMarks() const {
    auto marked = [&](const std::string& layer) { return sys::Exists(kCwd, Cat(StoreDir("layers/"), layer, "/durable")); };
    auto all_are = [&] { return std::ranges::all_of(Entries(StoreDir("layers")), marked); };
    for (Deadline end = After(seconds(60)); !all_are() && MillisLeft(end) > 0;) std::this_thread::yield();
    EXPECT_TRUE(all_are());
  }
};

TEST_F(UpkeepTest, FlushMarksTheLayersAndMarkedOnesOutliveAReboot) {
  Boot("one");
  auto image = Import("r.io/a:1", "a");
  ASSERT_TRUE(store_->Flush().ok());
  EXPECT_TRUE(sys::Exists(kCwd, LayerFile(*image, "durable")));
  Boot("two");
  EXPECT_EQ(CountImages(), 1u);
  EXPECT_EQ(store_->warnings(), Strings());
}

TEST_F(UpkeepTest, APullIsFlushedByItself) {
  auto image = Import("r.io/a:1", "a");
  store_.reset();  // waits for what is under way
  EXPECT_TRUE(sys::Exists(kCwd, LayerFile(*image, "durable")));
}

TEST_F(UpkeepTest, UnmarkedLayersAreDroppedAfterARebootOnly) {
  Boot("one");
  auto image = Import("r.io/a:1", "a");
  store_.reset();
  ASSERT_TRUE(std::filesystem::remove(LayerFile(*image, "durable")));
  Boot("one");
  EXPECT_EQ(CountImages(), 1u);
  store_.reset();
  ASSERT_FALSE(sys::Exists(kCwd, LayerFile(*image, "durable")));
  Boot("two");
  EXPECT_EQ(CountImages(), 0u);
  ASSERT_EQ(store_->warnings().size(), 2u);
  EXPECT_NE(store_->warnings()[0].find("not yet safe"), std::string::npos) << store_->warnings()[0];
  ExpectEmptyStore();
  EXPECT_TRUE(Import("r.io/a:1", "a"));
}

TEST_F(UpkeepTest, UsageIsWhatDuSays) {
  const uint64_t empty = store_->Usage().bytes;
  LayoutImage image;
  image.name = "r.io/big:1";
  image.layers = {TarWriter().Directory("d").File("d/a", std::string(1'000'000, 'a')).HardLink("d/b", "d/a")
                      .File("d/a2", "x").File("d/a2", "replaced").Symlink("l", "d/a").Directory("gone").File("gone/x", "x")
                      .File("gone", "a file now").File("made/on/the/way", "y").Take(),
                  TarWriter().File(".wh.l", "").Directory("d").File("d/.wh..wh..opq", "").Take()};
  std::string dir = dir_.path() + "/layout";
  ASSERT_TRUE(WriteLayout(dir, image).ok());
  auto imported = store_->Import(dir, "");
  ASSERT_OK(imported);
  Import("r.io/small:1", "small");
  WaitForMarks();
  auto fd = sys::OpenAt(kCwd, dir_.path() + "/images", O_RDONLY | O_DIRECTORY);
  ASSERT_OK(fd);
  auto real = MeasureTree(*fd);
  ASSERT_OK(real);
  FsUsage usage = store_->Usage();
  EXPECT_EQ(usage.inodes, real->inodes);
  EXPECT_NEAR(static_cast<double>(usage.bytes), static_cast<double>(real->bytes), 8192.0);
  Checkup checkup = store_->Check(Repair::kNo);
  EXPECT_EQ(checkup.problems, Strings());
  EXPECT_EQ(checkup.layers, 3u);
  Reopen();
  EXPECT_EQ(store_->Usage().inodes, usage.inodes);
  ASSERT_TRUE(store_->Remove("r.io/big:1").ok());
  ASSERT_TRUE(store_->Remove("r.io/small:1").ok());
  EXPECT_EQ(store_->Usage().bytes, empty);
}

TEST_F(UpkeepTest, BlobsThatAreKeptCount) {
  adjust_ = [](StoreConfig& config) { config.keep_blobs = true; };
  Reopen();
  const uint64_t empty = store_->Usage().bytes;
  auto image = Import("r.io/a:1", "a");
  WaitForMarks();
  EXPECT_TRUE(sys::Exists(kCwd, LayerFile(*image, "blob")));
  auto fd = sys::OpenAt(kCwd, dir_.path() + "/images", O_RDONLY | O_DIRECTORY);
  ASSERT_OK(fd);
  auto real = MeasureTree(*fd);
  ASSERT_OK(real);
  EXPECT_EQ(store_->Usage().inodes, real->inodes);
  EXPECT_NEAR(static_cast<double>(store_->Usage().bytes), static_cast<double>(real->bytes), 8192.0);
  EXPECT_EQ(store_->Check(Repair::kNo).problems, Strings());
  ASSERT_TRUE(store_->Remove("r.io/a:1").ok());
  EXPECT_EQ(store_->Usage().bytes, empty);
  ExpectEmptyStore();
}

TEST_F(UpkeepTest, OnExt4LayersAreSpreadOverTheDisk) {
  auto tmp = sys::OpenAt(kCwd, StoreDir("tmp"), O_RDONLY | O_DIRECTORY);
  ASSERT_OK(tmp);
  auto system = sys::Fstatfs(*tmp);
  ASSERT_OK(system);
  if (system->f_type != EXT4_SUPER_MAGIC) GTEST_SKIP() << "not on ext4";
  int flags = 0;
  ASSERT_EQ(::ioctl(tmp->get(), FS_IOC_GETFLAGS, &flags), 0);
  EXPECT_TRUE(flags & FS_TOPDIR_FL);
}

TEST_F(UpkeepTest, CheckFindsWhatIsBrokenAndRepairRemovesIt) {
  auto lost = Import("r.io/lost:1", "lost");
  auto bent = Import("r.io/bent:1", "bent");
  auto fine = Import("r.io/fine:1", "fine");
  auto unnamed = Import("r.io/unnamed:1", "unnamed");
  ASSERT_TRUE(std::filesystem::remove(lost->layer_dirs.at(0) + "/bin/lost"));
  std::ofstream(StoreDir("content/sha256") + "/" + bent->id.substr(7), std::ios::app) << " ";
  ASSERT_TRUE(std::filesystem::remove(StoreDir("images") + "/" + unnamed->id.substr(7) + ".json"));
  EXPECT_EQ(store_->Check(Repair::kNo).problems.size(), 3u);
  EXPECT_EQ(CountImages(), 4u);
  EXPECT_FALSE(store_->Check(Repair::kYes).problems.empty());
  EXPECT_EQ(CountImages(), 2u);
  EXPECT_EQ(store_->Check(Repair::kNo).problems, Strings());
  Reopen();
  EXPECT_EQ(CountImages(), 2u);
  auto again = Import("r.io/lost:1", "lost");
  EXPECT_EQ(Slurp(again->layer_dirs.at(0) + "/bin/lost"), "lost");
}

TEST_F(UpkeepTest, ABrokenLayerThatAContainerUsesStaysAndIsNamed) {
  auto image = Import("r.io/a:1", "a");
  ASSERT_TRUE(store_->Acquire("r.io/a:1", "c1").ok());
  ASSERT_TRUE(std::filesystem::remove(image->layer_dirs.at(0) + "/bin/a"));
  Checkup checkup = store_->Check(Repair::kYes);
  EXPECT_NE(checkup.problems.back().find("a container uses it"), std::string::npos);
  EXPECT_EQ(CountImages(), 0u);
  store_->Release("c1");
  ExpectEmptyStore();
}

TEST_F(UpkeepTest, PruneSparesWhatIsUsedOrPinned) {
  adjust_ = [](StoreConfig& config) { config.pinned = {"r.io/pinned:*"}; };
  Reopen();
  Import("r.io/pinned:1", "pinned");
  Import("r.io/used:1", "used");
  Import("r.io/idle:1", "idle");
  ASSERT_TRUE(store_->Acquire("r.io/used:1", "c1").ok());
  auto pruned = store_->Prune();
  ASSERT_OK(pruned);
  EXPECT_EQ(pruned->images, Strings{"r.io/idle:1"});
  EXPECT_GE(pruned->bytes, 8192u);
  EXPECT_EQ(CountImages(), 2u);
  EXPECT_TRUE((*store_->Find("r.io/pinned:1"))->pinned);
  EXPECT_FALSE((*store_->Find("r.io/used:1"))->pinned);
  EXPECT_TRUE(store_->Remove("r.io/pinned:1").ok());
  EXPECT_EQ(CountImages(), 1u);
}

TEST_F(UpkeepTest, ATagIsOneMoreNameAndMayBeTakenFromAnother) {
  auto a = Import("r.io/a:1", "a");
  auto b = Import("r.io/b:1", "b");
  ASSERT_TRUE(store_->Tag("r.io/a:1", "r.io/x").ok());
  EXPECT_EQ((*store_->Find("r.io/x:latest"))->id, a->id);
  ASSERT_TRUE(store_->Tag(b->id, "r.io/x:latest").ok());
  Reopen();
  EXPECT_EQ((*store_->Find("r.io/x"))->id, b->id);
  EXPECT_EQ((*store_->Find("r.io/a:1"))->repo_tags, Strings{"r.io/a:1"});
  EXPECT_EQ(store_->Tag("r.io/none:1", "r.io/y").error().code(), Code::kNotFound);
  EXPECT_FALSE(store_->Tag("r.io/a:1", "r.io/y@" + a->id).ok());
  EXPECT_FALSE(store_->Tag("r.io/a:1", "UPPER").ok());
}

class FullDiskTest : public UpkeepTest {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(dir_.path() + "/images");
    ASSERT_EQ(::mount("none", (dir_.path() + "/images").c_str(), "tmpfs", 0, "size=3m"), 0) << errno;
    UpkeepTest::SetUp();
  }
  void TearDown() override {
    store_.reset();
    EXPECT_EQ(::umount2((dir_.path() + "/images").c_str(), MNT_DETACH), 0);
  }
};

TEST_F(FullDiskTest, TheSpaceIsFreeWhenARemovalReturns) {
  auto dir = sys::OpenAt(kCwd, dir_.path() + "/images", O_RDONLY | O_DIRECTORY);
  ASSERT_OK(dir);
  auto free_blocks = [&] { return sys::Fstatfs(*dir).value().f_bfree; };
  const auto before = free_blocks();
  LayoutImage image;
  image.name = "r.io/many:1";
  TarWriter layer;
  for (int i = 0; i < 300; ++i) layer.File("d" + std::to_string(i % 20) + "/f" + std::to_string(i), std::string(4096, 'x'));
  image.layers = {layer.Take()};
  ASSERT_TRUE(WriteLayout(dir_.path() + "/layout", image).ok());
  ASSERT_OK(store_->Import(dir_.path() + "/layout", ""));
  ASSERT_TRUE(store_->Flush().ok());
  EXPECT_LT(free_blocks(), before - 300);
  ASSERT_TRUE(store_->Remove("r.io/many:1").ok());
  EXPECT_EQ(free_blocks(), before);
}

TEST_F(FullDiskTest, AnImageThatDoesNotFitLeavesNothingAndRemovalAlwaysWorks) {
  LayoutImage image;
  image.name = "r.io/big:1";
  image.layers = {TarWriter().File("a", std::string(1 << 20, 'a')).Take(),
                  TarWriter().File("b", std::string(8 << 20, 'b')).Take()};
  std::string dir = dir_.path() + "/layout";
  ASSERT_TRUE(WriteLayout(dir, image).ok());
  auto imported = store_->Import(dir, "");
  ASSERT_FALSE(imported.ok());
  EXPECT_EQ(imported.error().code(), Code::kResourceExhausted);
  EXPECT_NE(imported.error().text().find("No space left on device"), std::string::npos) << imported.error().text();
  ExpectEmptyStore();

  ASSERT_TRUE(Import("r.io/a:1", "a"));
  ASSERT_TRUE(store_->Flush().ok());
  std::string filler = dir_.path() + "/images/filler";
  std::ofstream(filler) << std::string(4 << 20, 'x');
  std::string extra = dir_.path() + "/images/more";
  for (int i = 0; std::ofstream(extra + std::to_string(i)) << std::string(4096, 'x') << std::flush && i < 2000; ++i) continue;
  adjust_ = [](StoreConfig& config) { config.boot_id = "another"; };
  Reopen();
  EXPECT_TRUE(store_->Remove("r.io/a:1").ok());
  ExpectEmptyStore();
}

TEST_F(FullDiskTest, DocumentsThatDoNotFitLeaveNothing) {
  ASSERT_TRUE(Import("r.io/a:1", "a"));
  ASSERT_TRUE(store_->Flush().ok());
  const std::vector<std::string> folders{"content/sha256", "images", "layers", "tmp"};
  auto all = [&] {
    Strings names;
    for (const std::string& folder : folders)
      for (const std::string& name : Entries(StoreDir(folder))) names.push_back(Cat(folder, "/", name));
    std::sort(names.begin(), names.end());
    return names;
  };
  const Strings before = all();
  const std::string filler = dir_.path() + "/images/filler";
  {
    auto file = sys::OpenAt(kCwd, filler, O_WRONLY | O_CREAT, 0600);
    ASSERT_OK(file);
    const std::string block(4096, 'x');
    while (sys::WriteAll(*file, block.data(), block.size()).ok()) continue;
  }
  // The same layer under another config: room for none of its three files, for one, for two.
  const std::string layout = MakeLayout("r.io/b:1", "a", "1000");
  for (int room = 0; room < 3; ++room) {
    auto imported = store_->Import(layout, "");
    ASSERT_FALSE(imported.ok());
    EXPECT_EQ(imported.error().code(), Code::kResourceExhausted) << imported.error().text();
    EXPECT_EQ(all(), before) << room;
    std::filesystem::resize_file(filler, std::filesystem::file_size(filler) - 4096);
  }
  ASSERT_OK(store_->Import(layout, ""));
}

}  // namespace
}  // namespace cradle::image
