#include <thread>

#include "fixture.h"
#include "image/documents.h"

namespace cradle::image {
namespace {

TEST_F(StoreTest, ImportedLayoutIsFoundByEveryName) {
  auto imported = store_->Import(MakeLayout("docker.io/library/tool:v1", "a", "1003:1004"), "");
  ASSERT_OK(imported);
  ASSERT_EQ(imported->size(), 1u);
  auto image = imported->front();
  EXPECT_EQ(image->repo_tags, std::vector<std::string>{"docker.io/library/tool:v1"});
  ASSERT_EQ(image->repo_digests.size(), 1u);
  EXPECT_EQ(image->uid, 1003);
  EXPECT_EQ(image->username, "");
  EXPECT_GT(image->size, 0u);
  std::string hex = image->id.substr(7);
  for (const std::string& name : {std::string("tool:v1"), std::string("docker.io/tool:v1"), image->repo_digests[0],
                                  image->id, hex, hex.substr(0, 12), "sha256:" + hex.substr(0, 8)}) {
    auto found = store_->Find(name);
    ASSERT_OK(found);
    EXPECT_EQ(*found, image) << name;
  }
  auto missing = store_->Find("tool:v2");
  ASSERT_OK(missing);
  EXPECT_EQ(*missing, nullptr);
  EXPECT_FALSE(store_->Find("UPPER case").ok());
  ASSERT_EQ(image->layer_dirs.size(), 1u);
  EXPECT_EQ(Slurp(image->layer_dirs[0] + "/bin/a"), "a");
  EXPECT_GE(store_->Usage().bytes, 1u);
  EXPECT_TRUE(Entries(StoreDir("tmp")).empty());
}

TEST_F(StoreTest, ImagesSurviveAReopen) {
  ASSERT_TRUE(store_->Import(MakeLayout("example.com/a:1", "a"), "").ok());
  auto before = store_->List();
  FsUsage usage = store_->Usage();
  Reopen();
  auto after = store_->List();
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(after[0]->id, before[0]->id);
  EXPECT_EQ(after[0]->repo_tags, before[0]->repo_tags);
  EXPECT_EQ(after[0]->repo_digests, before[0]->repo_digests);
  EXPECT_EQ(after[0]->size, before[0]->size);
  EXPECT_EQ(after[0]->layer_dirs, before[0]->layer_dirs);
  EXPECT_EQ(store_->Usage().bytes, usage.bytes);
  EXPECT_TRUE(store_->warnings().empty());
}

TEST_F(StoreTest, RemovalByOneNameRemovesEverything) {
  std::string layout = MakeLayout("example.com/a:1", "a");
  ASSERT_TRUE(store_->Import(layout, "").ok());
  auto again = store_->Import(MakeLayout("example.org/b:2", "a"), "");
  ASSERT_OK(again);
  EXPECT_EQ(again->front()->repo_tags, (std::vector<std::string>{"example.com/a:1", "example.org/b:2"}));
  EXPECT_EQ(store_->List().size(), 1u);
  ASSERT_TRUE(store_->Remove("example.org/b:2").ok());
  ExpectEmptyStore();
  EXPECT_EQ(store_->Usage().inodes, 7u);  // its own folders
  EXPECT_TRUE(store_->Remove("example.org/b:2").ok());
}

TEST_F(StoreTest, ConcurrentRemovalsAllSucceedAndLeaveNothing) {
  auto imported = store_->Import(MakeLayout("example.com/a:1", "a"), "");
  ASSERT_OK(imported);
  std::string id = imported->front()->id;
  std::vector<std::thread> removers;
  for (int i = 0; i < 5; ++i)
    removers.emplace_back([&] {
      EXPECT_TRUE(store_->Remove(id).ok());
      auto found = store_->Find(id);
      EXPECT_TRUE(found.ok() && !*found);
    });
  for (std::thread& remover : removers) remover.join();
  ExpectEmptyStore();
}

TEST_F(StoreTest, AMovedTagLeavesTheOldImageWithItsDigest) {
  auto first = store_->Import(MakeLayout("example.com/a:1", "a"), "");
  auto second = store_->Import(MakeLayout("example.com/a:1", "b"), "");
  ASSERT_OK(first);
  ASSERT_OK(second);
  for (int round = 0; round < 2; ++round) {
    auto old = store_->Find(first->front()->id);
    ASSERT_OK(old);
    EXPECT_TRUE((*old)->repo_tags.empty());
    EXPECT_EQ((*old)->repo_digests.size(), 1u);
    EXPECT_EQ((*store_->Find("example.com/a:1"))->id, second->front()->id);
    Reopen();
  }
}

TEST_F(StoreTest, AContainersLayersOutliveTheImage) {
  ASSERT_TRUE(store_->Import(MakeLayout("example.com/a:1", "a"), "").ok());
  auto image = store_->Acquire("example.com/a:1", "c1");
  ASSERT_OK(image);
  std::string file = (*image)->layer_dirs[0] + "/bin/a";
  ASSERT_TRUE(store_->Remove("example.com/a:1").ok());
  EXPECT_TRUE(store_->List().empty());
  EXPECT_EQ(Slurp(file), "a");
  store_.reset();
  auto opened = ImageStore::Open(Config());
  ASSERT_OK(opened);
  store_ = std::move(*opened);
  auto reacquired = store_->Reacquire((*image)->layer_dirs, "c1");
  ASSERT_OK(reacquired);
  store_->DropUnused();
  EXPECT_EQ(Slurp(file), "a");
  store_->Release("c1");
  ExpectEmptyStore();
  EXPECT_FALSE(store_->Reacquire((*image)->layer_dirs, "c1").ok());
  EXPECT_FALSE(store_->Reacquire({"/etc"}, "c1").ok());
}

TEST_F(StoreTest, BrokenFilesAreDroppedWithAWarning) {
  auto good = store_->Import(MakeLayout("example.com/good:1", "a"), "");
  auto bad = store_->Import(MakeLayout("example.com/bad:1", "b"), "");
  ASSERT_OK(good);
  ASSERT_OK(bad);
  store_.reset();
  std::ofstream(StoreDir("images/") + bad->front()->id.substr(7) + ".json") << "{";
  std::ofstream(StoreDir("images/") + "nonsense") << "x";
  std::filesystem::create_directories(StoreDir("layers/half-made/fs"));
  std::filesystem::create_directories(StoreDir("tmp/left/over"));
  Reopen();
  EXPECT_EQ(store_->warnings().size(), 3u);
  ASSERT_EQ(store_->List().size(), 1u);
  EXPECT_EQ(store_->List()[0]->id, good->front()->id);
  EXPECT_EQ(Entries(StoreDir("layers")).size(), 1u);
  EXPECT_EQ(Entries(StoreDir("content/sha256")).size(), 2u);
  EXPECT_TRUE(Entries(StoreDir("tmp")).empty());
}

TEST_F(StoreTest, ADigestThatDoesNotFitIsRefusedAndLeavesNothing) {
  std::string layout = MakeLayout("example.com/a:1", "a");
  for (const auto& blob : std::filesystem::directory_iterator(layout + "/blobs/sha256"))
    if (blob.file_size() > 2000) {
      std::fstream file(blob.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(512 + 512);  // the data of bin/a
      file.put('X');
    }
  auto imported = store_->Import(layout, "");
  ASSERT_FALSE(imported.ok());
  EXPECT_NE(imported.error().text().find("digest"), std::string::npos) << imported.error().text();
  ExpectEmptyStore();
}

TEST_F(StoreTest, ALayerOfAnotherSizeThanStatedIsRefused) {
  LayoutImage image;
  image.name = "tool:1";
  image.layers = {TarWriter().File("a", "a").Take()};
  std::string dir = dir_.path() + "/layout";
  ASSERT_OK(WriteLayout(dir, image));
  // The manifest states its size; so the blob, with the digest that it should have, is stated otherwise in another one.
  LayoutDocuments documents = MakeDocuments(image);
  std::string size = Cat("\"size\":", std::to_string(image.layers[0].size()));
  std::string lying = documents.manifest, index = documents.index;
  ASSERT_NE(lying.find(size), std::string::npos);
  lying.replace(lying.find(size), size.size(), Cat("\"size\":", std::to_string(image.layers[0].size() + 1)));
  std::string digest = DigestOf(documents.manifest), length = Cat("\"size\":", std::to_string(documents.manifest.size()));
  index.replace(index.find(digest), digest.size(), DigestOf(lying));
  index.replace(index.find(length), length.size(), Cat("\"size\":", std::to_string(lying.size())));
  std::ofstream(dir + "/blobs/sha256/" + DigestOf(lying).substr(7)) << lying;
  std::ofstream(dir + "/index.json") << index;
  auto imported = store_->Import(dir, "");
  ASSERT_FALSE(imported.ok());
  EXPECT_NE(imported.error().text().find("bytes, not the stated"), std::string::npos) << imported.error().text();
  ExpectEmptyStore();
}

TEST_F(StoreTest, ALayoutInATarAndADockerArchiveAreRead) {
  std::string layer = TarWriter().Directory("etc").File("etc/motd", "hello").Take();
  LayoutImage image{"example.com/saved:1", {layer}, {}, {}, {"sh"}, "", {}, {}};
  LayoutDocuments documents = MakeDocuments(image);
  TarWriter docker;
  docker.File("0/layer.tar", layer).File("config.json", documents.config).Symlink("1", "0");
  docker.File("manifest.json",
              R"([{"Config":"config.json","RepoTags":["example.com/saved:1"],"Layers":["1/layer.tar"]}])");
  std::ofstream(dir_.path() + "/docker.tar") << docker.Take();
  auto imported = store_->Import(dir_.path() + "/docker.tar", "");
  ASSERT_OK(imported);
  EXPECT_EQ(Slurp(imported->front()->layer_dirs[0] + "/etc/motd"), "hello");
  EXPECT_EQ(imported->front()->repo_tags, std::vector<std::string>{"example.com/saved:1"});
  EXPECT_TRUE(imported->front()->repo_digests.empty());
  std::string id = imported->front()->id;
  ASSERT_TRUE(store_->Remove(id).ok());

  std::string dir = dir_.path() + "/layout";
  ASSERT_TRUE(WriteLayout(dir, image).ok());
  TarWriter oci;
  oci.File("oci-layout", Slurp(dir + "/oci-layout")).File("index.json", Slurp(dir + "/index.json"));
  for (const std::string& blob : Entries(dir + "/blobs/sha256"))
    oci.File("blobs/sha256/" + blob, Slurp(dir + "/blobs/sha256/" + blob));
  std::ofstream(dir_.path() + "/oci.tar") << oci.Take();
  auto from_oci = store_->Import(dir_.path() + "/oci.tar", "");
  ASSERT_OK(from_oci);
  EXPECT_EQ(from_oci->front()->id, id);
  EXPECT_EQ(from_oci->front()->repo_digests.size(), 1u);
  EXPECT_TRUE(Entries(StoreDir("tmp")).empty());
}

TEST_F(StoreTest, AnArchiveWithoutAnImageIsRefused) {
  std::ofstream(dir_.path() + "/empty.tar") << TarWriter().File("a", "b").Take();
  std::ofstream(dir_.path() + "/garbage.tar") << std::string(10000, 'x');
  for (const char* name : {"/empty.tar", "/garbage.tar", "/nowhere"}) {
    EXPECT_FALSE(store_->Import(dir_.path() + name, "").ok()) << name;
    ExpectEmptyStore();
  }
}

TEST_F(StoreTest, AConfigMemberThatLeadsOutOfTheArchiveIsRefused) {
  std::ofstream(dir_.path() + "/secret") << "{}";
  TarWriter docker;
  docker.Symlink("config.json", "/../../../../.." + dir_.path() + "/secret");
  docker.File("manifest.json", R"([{"Config":"config.json","RepoTags":[],"Layers":[]}])");
  std::ofstream(dir_.path() + "/docker.tar") << docker.Take();
  auto imported = store_->Import(dir_.path() + "/docker.tar", "");
  ASSERT_FALSE(imported.ok());
  EXPECT_NE(imported.error().text().find("open config.json"), std::string::npos) << imported.error().text();
}

}  // namespace
}  // namespace cradle::image
