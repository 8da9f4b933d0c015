#include "image/removal.h"

#include "fixture.h"

namespace cradle::image {
namespace {

class RemovalTest : public testing::Test {
 protected:
  std::string Folder(const std::string& name) {
    std::string path = dir_.path() + "/" + name;
    std::filesystem::create_directories(path);
    return path;
  }
  static void Write(const std::string& path) { std::ofstream(path) << "x"; }

  TempDir dir_;
};

TEST_F(RemovalTest, WideAndDeepTreesGoWhole) {
  std::string files = Folder("files"), folders = Folder("folders"), deep = Folder("deep");
  for (int i = 0; i < 3000; ++i) Write(files + "/" + std::to_string(i));
  for (int i = 0; i < 1000; ++i) Write(Folder("folders/" + std::to_string(i)) + "/file");
  std::string path = "deep";
  for (int i = 0; i < 100; ++i) Write(Folder(path += "/d") + "/file");
  RemoveTrees({files, dir_.path() + "/none", folders, deep});
  EXPECT_EQ(Entries(dir_.path()), std::vector<std::string>());
}

TEST_F(RemovalTest, LinksAreNotFollowed) {
  std::string kept = Folder("kept"), tree = Folder("tree/below");
  Write(kept + "/file");
  std::filesystem::create_directory_symlink(kept, tree + "/link");
  std::filesystem::create_directory_symlink(kept, dir_.path() + "/top");
  RemoveTrees({dir_.path() + "/tree", dir_.path() + "/top"});
  EXPECT_EQ(Entries(dir_.path()), std::vector<std::string>{"kept"});
  EXPECT_EQ(Slurp(kept + "/file"), "x");
}

}  // namespace
}  // namespace cradle::image
