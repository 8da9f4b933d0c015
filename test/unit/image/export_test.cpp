// What leaves a store, and what comes from another one: export, import of what was exported, the additional store.
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "fixture.h"
#include "image/documents.h"

namespace cradle::image {
namespace {

using Strings = std::vector<std::string>;

TarEntry Odd(const std::string& path, char type) {
  TarEntry entry;
  entry.path = path;
  entry.type = type;
  entry.mode = 0640;
  entry.uid = 12;
  entry.gid = 3'000'000'000;
  entry.mtime = 1'000'000'007;
  return entry;
}

class ExportTest : public StoreTest {
 protected:
  // Two layers with everything that a layer can hold.
  std::string MakeOddLayout() {
    TarEntry file = Odd("d/" + std::string(120, 'n'), '0');
    file.data = std::string(70'000, 'x');
    file.mode = 04755;
    file.pax["mtime"] = "1000000007.25";
    file.pax["SCHILY.xattr.user.note"] = std::string("a\0b", 3);
    TarEntry device = Odd("d/null", '3');
    device.major = 1;
    device.minor = 3;
    TarEntry old = Odd("d/old", '0');
    old.mtime = -5;
    LayoutImage image;
    image.name = "r.io/odd:1";
    image.cmd = {"x"};
    image.layers = {TarWriter().Directory("d", 01777).Add(file).HardLink("d/hard", file.path).Symlink("d/link", "/out").Add(device)
                        .Add(Odd("d/pipe", '6')).Add(old).File("gone", "x").Directory("e").File("e/below", "x").Take(),
                    TarWriter().File(".wh.gone", "").Directory("e", 0700).File("e/.wh..wh..opq", "").File("e/new", "n").Take()};
    std::string dir = dir_.path() + "/odd";
    EXPECT_TRUE(WriteLayout(dir, image).ok());
    return dir;
  }
  std::string Tar() const { return dir_.path() + "/out.tar"; }
  std::string Run(const std::string& command) {
    EXPECT_EQ(std::system((command + " >" + dir_.path() + "/said 2>&1").c_str()), 0) << command;
    return Slurp(dir_.path() + "/said");
  }
};

TEST_F(ExportTest, WhatIsExportedAndImportedIsTheSame) {
  auto first = store_->Import(MakeOddLayout(), "");
  ASSERT_OK(first);
  auto ids = store_->Export({"r.io/odd:1"}, Tar());
  ASSERT_OK(ids);
  Strings before = (*first)[0]->layer_dirs;
  // Both layers beside each other, as find sees them.
  auto look = [&](const Strings& dirs) {
    std::string out;
    for (const std::string& dir : dirs)
      out += Run("cd " + dir + " && find . -mindepth 1 -printf '%P %y %m %U %G %s %T@ %n %l\\n' |"
                   " sed -E '/ c 0 0 0 /s/[0-9.]+ 1 $/-/' | sort");  // a whiteout's time is when it was made
    return out;
  };
  std::string seen = look(before);
  ASSERT_TRUE(store_->Remove("r.io/odd:1").ok());
  auto again = store_->Import(Tar(), "");
  ASSERT_OK(again);
  EXPECT_EQ((*again)[0]->id, (*ids)[0]);
  EXPECT_EQ((*again)[0]->repo_tags, Strings{"r.io/odd:1"});
  EXPECT_EQ(look((*again)[0]->layer_dirs), seen);
  std::string bottom = (*again)[0]->layer_dirs[1], top = (*again)[0]->layer_dirs[0];
  char value[8];
  EXPECT_EQ(::getxattr((bottom + "/d/" + std::string(120, 'n')).c_str(), "user.note", value, sizeof value), 3);
  EXPECT_EQ(::getxattr((top + "/e").c_str(), "trusted.overlay.opaque", value, sizeof value), 1);
  auto info = sys::FstatAt(kCwd, bottom + "/d/null", 0);
  ASSERT_OK(info);
  EXPECT_EQ(info->st_rdev, makedev(1, 3));
  // Once archived by us, an image keeps its id.
  std::filesystem::remove(Tar());
  auto same = store_->Export({"r.io/odd:1"}, Tar());
  ASSERT_OK(same);
  EXPECT_EQ(*same, *ids);
}

TEST_F(ExportTest, AnImageWhoseBlobsWereKeptIsExportedAsItCame) {
  adjust_ = [](StoreConfig& config) { config.keep_blobs = true; };
  Reopen();
  std::string plain = TarWriter().Directory("d").File("d/a", std::string(300'000, 'a')).Take();
  std::ofstream(dir_.path() + "/layer") << plain;
  Run("gzip -9 " + dir_.path() + "/layer");
  LayoutImage image;
  image.name = "r.io/kept:1";
  image.layers = {Slurp(dir_.path() + "/layer.gz"), TarWriter().File("d/b", "b").Take()};
  image.diff_ids = {DigestOf(plain), DigestOf(image.layers[1])};
  std::string layout = dir_.path() + "/kept";
  ASSERT_TRUE(WriteLayout(layout, image).ok());
  auto came = store_->Import(layout, "");
  ASSERT_OK(came);
  const std::string id = (*came)[0]->id, bottom = (*came)[0]->layer_dirs[1];
  Reopen();
  auto ids = store_->Export({"r.io/kept:1"}, Tar());
  ASSERT_OK(ids);
  EXPECT_EQ(*ids, Strings{id});
  Run("mkdir " + dir_.path() + "/seen && tar -C " + dir_.path() + "/seen -xf " + Tar());
  EXPECT_EQ(Run("cd " + dir_.path() + " && diff -r kept/blobs seen/blobs"), "");

  // A blob that isn't the manifest's any more: its layer is archived anew.
  ASSERT_TRUE(store_->Check(Repair::kNo).problems.empty());
  std::ofstream(bottom + "/../blob", std::ios::app) << "x";
  std::filesystem::remove(Tar());
  auto others = store_->Export({"r.io/kept:1"}, Tar());
  ASSERT_OK(others);
  EXPECT_NE(*others, *ids);
  ASSERT_TRUE(store_->Remove(id).ok());
  ExpectEmptyStore();
  ASSERT_OK(store_->Import(Tar(), ""));
}

TEST_F(ExportTest, WhatFollowsAnArchiveIsKeptUpToTheLimitOnly) {
  adjust_ = [](StoreConfig& config) {
    config.keep_blobs = true;
    config.layer_limits.max_bytes = 100'000;
  };
  Reopen();
  std::string plain = TarWriter().File("a", "a").Take();
  std::ofstream(dir_.path() + "/layer") << plain;
  Run("gzip " + dir_.path() + "/layer");
  auto import = [&](size_t padding) {
    LayoutImage image;
    image.name = "r.io/padded:1";
    image.layers = {Slurp(dir_.path() + "/layer.gz") + std::string(padding, '\0')};
    image.diff_ids = {DigestOf(plain)};
    EXPECT_TRUE(WriteLayout(dir_.path() + "/padded", image).ok());
    return store_->Import(dir_.path() + "/padded", "");
  };
  auto refused = import(200'000);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().text().find("limit of 100000 bytes (image.max_layer_bytes)"), std::string::npos)
      << refused.error().text();
  ExpectEmptyStore();
  ASSERT_OK(import(10'000));
}

TEST_F(ExportTest, SeveralImagesShareTheirLayersInOneArchive) {
  ASSERT_OK(store_->Import(MakeLayout("r.io/a:1", "a"), ""));
  ASSERT_OK(store_->Import(MakeLayout("r.io/b:1", "b"), ""));
  ASSERT_TRUE(store_->Tag("r.io/a:1", "r.io/also:2").ok());
  ASSERT_OK(store_->Export({"r.io/a:1", "r.io/b:1", "r.io/also:2"}, Tar()));
  std::string names = Run("tar -tf " + Tar() + " | grep -c blobs/");
  EXPECT_EQ(names, "6\n");  // a config, a manifest and a layer of each
  for (const char* name : {"r.io/a:1", "r.io/b:1"}) ASSERT_TRUE(store_->Remove(name).ok());
  ASSERT_OK(store_->Import(Tar(), ""));
  for (const char* name : {"r.io/a:1", "r.io/b:1", "r.io/also:2"}) EXPECT_TRUE(*store_->Find(name)) << name;
  EXPECT_EQ(store_->List().size(), 2u);
}

TEST_F(ExportTest, WhatCannotBeExportedLeavesNoFile) {
  ASSERT_OK(store_->Import(MakeLayout("r.io/a:1", "a"), ""));
  EXPECT_EQ(store_->Export({"r.io/a:1", "r.io/none:1"}, Tar()).error().code(), Code::kNotFound);
  EXPECT_FALSE(sys::Exists(kCwd, Tar()));
  std::ofstream(Tar()) << "mine";
  EXPECT_FALSE(store_->Export({"r.io/a:1"}, Tar()).ok());
  EXPECT_EQ(Slurp(Tar()), "mine");
}

TEST_F(ExportTest, AnAdditionalStoreIsReadAndNeverWritten) {
  ASSERT_OK(store_->Import(MakeLayout("r.io/baked:1", "baked"), ""));
  ASSERT_OK(store_->Import(MakeLayout("r.io/both:1", "both"), ""));
  store_.reset();
  std::string baked = dir_.path() + "/baked";
  std::filesystem::rename(dir_.path() + "/images", baked);
  std::string before = Run("cd " + baked + " && find . -printf '%P %T@ %C@\\n' | sort");
  adjust_ = [&](StoreConfig& config) { config.additional_dir = baked; };
  Reopen();
  auto image = store_->Find("r.io/baked:1");
  ASSERT_OK(image);
  ASSERT_TRUE(*image);
  EXPECT_TRUE((*image)->pinned);
  EXPECT_EQ(Slurp((*image)->layer_dirs[0] + "/bin/baked"), "baked");
  EXPECT_TRUE(store_->Acquire("r.io/baked:1", "c1").ok());
  EXPECT_FALSE(store_->Remove("r.io/baked:1").ok());
  EXPECT_FALSE(store_->Tag("r.io/baked:1", "r.io/x:1").ok());
  EXPECT_TRUE(store_->Prune()->images.empty());
  // The node's own copy comes first, and its removal shows the other one again.
  ASSERT_OK(store_->Import(MakeLayout("r.io/both:1", "both"), ""));
  EXPECT_TRUE((*store_->Find("r.io/both:1"))->layer_dirs[0].starts_with(StoreDir("layers")));
  ASSERT_TRUE(store_->Remove("r.io/both:1").ok());
  EXPECT_TRUE((*store_->Find("r.io/both:1"))->layer_dirs[0].starts_with(baked));
  ASSERT_OK(store_->Export({"r.io/baked:1"}, Tar()));
  store_->Release("c1");
  store_.reset();
  EXPECT_EQ(Run("cd " + baked + " && find . -printf '%P %T@ %C@\\n' | sort"), before);
}

TEST_F(ExportTest, AnAdditionalStoreThatIsNotThereIsAWarning) {
  adjust_ = [&](StoreConfig& config) { config.additional_dir = dir_.path() + "/none"; };
  Reopen();
  ASSERT_EQ(store_->warnings().size(), 1u);
  EXPECT_NE(store_->warnings()[0].find("additional store"), std::string::npos);
}

}  // namespace
}  // namespace cradle::image
