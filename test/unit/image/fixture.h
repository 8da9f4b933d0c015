// What the image tests share: a store in a temporary directory, images made in memory, a look at the disk.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/sys/file.h"
#include "image/builtin/layout_writer.h"
#include "image/builtin/tar_writer.h"
#include "image/store.h"
#include "image/store_config.h"

namespace cradle::image {

#define ASSERT_OK(...)                                                            \
  do {                                                                            \
    const auto& ok_result = (__VA_ARGS__);                                          \
    ASSERT_TRUE(ok_result.ok()) << ok_result.error().text();                      \
  } while (0)

class TempDir {
 public:
  TempDir() {
    std::string pattern = std::filesystem::temp_directory_path() / "cradle-image-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() { (void)sys::RemoveTree(kCwd, path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::vector<std::string> Entries(const std::string& dir) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) out.push_back(entry.path().filename());
  return out;
}

inline std::string Slurp(const std::string& path) {
  return sys::ReadFile(kCwd, path, 64 << 20).value_or("");
}

class StoreTest : public testing::Test {
 protected:
  void SetUp() override { Reopen(); }

  StoreConfig Config() const {
    StoreConfig config;
    config.dir = dir_.path() + "/images";
    config.registry_config_path = dir_.path() + "/certs.d";
    config.credentials_file = dir_.path() + "/config.json";
    if (adjust_) adjust_(config);
    config.unpack_program = CRADLE_UNPACK_PROGRAM;
    return config;
  }
  void Reopen() {
    store_.reset();
    auto opened = ImageStore::Open(Config());
    ASSERT_OK(opened);
    store_ = std::move(*opened);
    store_->DropUnused();
  }
  // An image of one small layer whose only file is `file`, as a layout.
  std::string MakeLayout(const std::string& name, const std::string& file, const std::string& user = "") {
    LayoutImage image;
    image.name = name;
    image.layers = {TarWriter().Directory("bin").File("bin/" + file, file, 0755).Take()};
    image.user = user;
    std::string dir = dir_.path() + "/layout-" + file;
    EXPECT_TRUE(WriteLayout(dir, image).ok());
    return dir;
  }
  std::string StoreDir(const std::string& folder) const { return dir_.path() + "/images/" + folder; }
  void ExpectEmptyStore() {
    EXPECT_TRUE(store_->List().empty());
    for (const char* folder : {"layers", "images", "tmp", "content/sha256"})
      EXPECT_EQ(Entries(StoreDir(folder)), std::vector<std::string>()) << folder;
  }

  TempDir dir_;
  std::function<void(StoreConfig&)> adjust_;  // for the next Reopen
  std::unique_ptr<ImageStore> store_;
};

}  // namespace cradle::image
