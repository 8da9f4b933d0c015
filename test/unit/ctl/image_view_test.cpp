// Layers laid over each other, and what differs between two images.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/sys/file.h"
#include "ctl/image_view.h"

namespace cradle::ctl {
namespace {

using Strings = std::vector<std::string>;

class ImageViewTest : public testing::Test {
 protected:
  ImageViewTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "cradle-view-XXXXXX";
    base_ = mkdtemp(pattern.data());
  }
  ~ImageViewTest() override { EXPECT_TRUE(sys::RemoveTree(kCwd, base_).ok()); }

  void File(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(base_ + "/" + path).parent_path());
    std::ofstream(base_ + "/" + path) << text;
    const timespec times[2] = {{1000, 0}, {1000, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (base_ + "/" + path).c_str(), times, 0), 0);
  }
  ImageView View(const Strings& layers) {
    Strings dirs;
    for (const std::string& layer : layers) dirs.push_back(base_ + "/" + layer);
    auto view = ReadImageView(dirs);
    EXPECT_TRUE(view.ok()) << (view.ok() ? "" : view.error().text());
    return view.ok() ? *view : ImageView();
  }
  Strings Paths(const ImageView& view) {
    Strings out;
    for (const auto& [path, facts] : view) out.push_back(path);
    return out;
  }
  std::string base_;
};

TEST_F(ImageViewTest, WhiteoutsAndOpaqueFoldersHideWhatIsBelow) {
  for (const char* path : {"low/a", "low/gone", "low/d/x", "low/d/y", "low/o/hidden", "low/f/inside"}) File(path, path);
  for (const char* path : {"top/d/z", "top/o/shown", "top/f"}) File(path, path);
  ASSERT_EQ(::mknod((base_ + "/top/gone").c_str(), S_IFCHR, 0), 0);
  ASSERT_EQ(::mknod((base_ + "/top/d/x").c_str(), S_IFCHR, 0), 0);
  ASSERT_EQ(::setxattr((base_ + "/top/o").c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
  EXPECT_EQ(Paths(View({"top", "low"})), (Strings{"a", "d", "d/y", "d/z", "f", "o", "o/shown"}));
}

TEST_F(ImageViewTest, DifferencesAreAddedDeletedAndChanged) {
  for (const char* path : {"one/same", "one/changed", "one/old/x"}) File(path, "12345");
  for (const char* path : {"two/same", "two/new/y", "two/new/z"}) File(path, "12345");
  File("two/changed", "123456");
  EXPECT_EQ(CompareViews(View({"one"}), View({"two"})), (Strings{"C changed", "A new", "D old"}));
  EXPECT_EQ(CompareViews(View({"one"}), View({"one"})), Strings());
}

TEST_F(ImageViewTest, LinksAreNotFollowed) {
  File("outside/secret", "x");
  std::filesystem::create_directories(base_ + "/one");
  ASSERT_EQ(::symlink("../outside", (base_ + "/one/link").c_str()), 0);
  ImageView view = View({"one"});
  EXPECT_EQ(Paths(view), Strings{"link"});
  EXPECT_EQ(view["link"].target, "../outside");
}

}  // namespace
}  // namespace cradle::ctl
