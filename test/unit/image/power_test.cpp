// The power goes: a file system of the test's own is shut down as it is on the disk, its journal included, and mounted again.
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "fixture.h"

namespace cradle::image {
namespace {

constexpr unsigned long kShutdown = _IOR('X', 125, uint32_t);  // EXT4_IOC_SHUTDOWN, in no header of user space
constexpr uint32_t kLoseLog = 2;                               // EXT4_GOING_FLAGS_NOLOGFLUSH
constexpr int kFiles = 1000;

using Strings = std::vector<std::string>;

class PowerCutTest : public StoreTest {
 protected:
  void SetUp() override {
    // A copy of the mount in somebody's new namespace would keep the file system alive.
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0) << errno;
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << errno;
    std::filesystem::create_directories(dir_.path() + "/images");
    std::string disk = dir_.path() + "/disk";
    std::ofstream(disk).close();
    std::filesystem::resize_file(disk, 512 << 20);
    if (!Run("mkfs.ext4 -q -F " + disk) || !Mount()) GTEST_SKIP() << "no loop device with ext4 can be had here";
    mounted_ = true;
  }
  void TearDown() override {
    store_.reset();
    if (!mounted_) return;
    EXPECT_EQ(::umount2((dir_.path() + "/images").c_str(), 0), 0) << errno;
  }
  static bool Run(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }
  bool Mount() { return Run("mount -o loop,nodiscard " + dir_.path() + "/disk " + dir_.path() + "/images"); }
  UniqueFd Root() { return sys::OpenAt(kCwd, dir_.path() + "/images", O_RDONLY | O_DIRECTORY).value(); }
  void Boot(int number) {
    adjust_ = [number](StoreConfig& config) { config.boot_id = std::to_string(number); };
    Reopen();
  }
  // What it was made of follows from its name, the metadata too.
  static TarEntry Entry(const std::string& name, int file) {
    TarEntry entry;
    entry.path = "d/f" + std::to_string(file);
    entry.data = Content(name, file);
    entry.mode = static_cast<mode_t>(file & 07777);
    entry.uid = static_cast<uint64_t>(file);
    entry.gid = static_cast<uint64_t>(file + 1);
    entry.mtime = 1'000'000'000 + file;
    entry.pax["SCHILY.xattr.user.of"] = name;
    return entry;
  }
  static std::string Content(const std::string& name, int file) { return Cat(name, " ", std::to_string(file), std::string(30'000, 'x')); }
  void Import(const std::string& name) {
    LayoutImage image;
    image.name = name;
    TarWriter layer;
    for (int i = 0; i < kFiles; ++i) layer.Add(Entry(name, i));
    image.layers = {layer.Take()};
    ASSERT_TRUE(WriteLayout(dir_.path() + "/layout", image).ok());
    ASSERT_OK(store_->Import(dir_.path() + "/layout", ""));
  }
  void SyncAll() {
    UniqueFd root = Root();
    EXPECT_TRUE(sys::Syncfs(root).ok());
  }
  // All that says that the image is there reaches the disk, and the names of its files, as the journal goes along; their
  // content need not.
  void SyncRecords() {
    Strings paths;
    for (const std::string folder : {"images/", "content/sha256/"})
      for (const std::string& name : Entries(StoreDir(folder))) paths.push_back(StoreDir(folder + name));
    for (const std::string& name : Entries(StoreDir("layers"))) paths.push_back(StoreDir("layers/" + name + "/size"));
    for (const std::string& path : paths) {
      auto file = sys::OpenAt(kCwd, path, O_RDONLY);
      ASSERT_OK(file);
      ASSERT_TRUE(sys::Fsync(*file).ok());
    }
  }
  void CutPower() {
    {
      UniqueFd root = Root();
      ASSERT_EQ(::ioctl(root.get(), kShutdown, &kLoseLog), 0) << errno;
    }
    store_.reset();
    ASSERT_EQ(::umount2((dir_.path() + "/images").c_str(), 0), 0) << errno;
    mounted_ = Mount();
    ASSERT_TRUE(mounted_);
  }
  static void ExpectIs(const std::string& path, const TarEntry& entry) {
    ASSERT_TRUE(Slurp(path) == entry.data) << path;
    UniqueFd file = sys::OpenAt(kCwd, path, O_RDONLY).value();
    struct stat info = sys::Fstat(file).value();
    ASSERT_EQ(info.st_mode, S_IFREG | entry.mode) << path;
    ASSERT_EQ(info.st_uid, entry.uid) << path;
    ASSERT_EQ(info.st_gid, entry.gid) << path;
    ASSERT_EQ(info.st_mtim.tv_sec, entry.mtime) << path;
    ASSERT_EQ(sys::GetXattr(file, "user.of").value_or(""), entry.pax.at("SCHILY.xattr.user.of")) << path;
  }
  void ExpectAllWhole() {
    EXPECT_EQ(store_->Check(Repair::kNo).problems, Strings());
    for (const auto& image : store_->List()) {
      const std::string& name = image->repo_tags.at(0);
      for (int i = 0; i < kFiles; ++i) {
        const TarEntry entry = Entry(name, i);
        ASSERT_NO_FATAL_FAILURE(ExpectIs(image->layer_dirs.at(0) + "/" + entry.path, entry));
      }
    }
  }

  bool mounted_ = false;
};

TEST_F(PowerCutTest, WhatIsThereAfterwardsIsWhole) {
  Boot(0);
  Import("r.io/safe:1");
  ASSERT_TRUE(store_->Flush().ok());
  SyncAll();  // the marks, too
  for (int round = 1; round <= 5; ++round) {
    ASSERT_NO_FATAL_FAILURE(Import("r.io/new:" + std::to_string(round)));
    ASSERT_NO_FATAL_FAILURE(SyncRecords());
    ASSERT_NO_FATAL_FAILURE(CutPower());
    Boot(round);
    EXPECT_TRUE(*store_->Find("r.io/safe:1")) << round;
    ASSERT_NO_FATAL_FAILURE(ExpectAllWhole());
  }
}

}  // namespace
}  // namespace cradle::image
