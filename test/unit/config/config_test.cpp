#include "config/config.h"

#include <gtest/gtest.h>

#include "base/ids.h"
#include "base/sys/file.h"

namespace cradle::config {
namespace {

class ConfigFile : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = "/tmp/cradle-config-" + RandomHex64().substr(0, 12);
    ASSERT_TRUE(sys::MakeDirs(dir_ + "/config.toml.d", 0700).ok());
  }
  void TearDown() override { EXPECT_TRUE(sys::RemoveTree(kCwd, dir_).ok()); }
  std::string path() const { return dir_ + "/config.toml"; }
  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(sys::ReplaceFile(kCwd, dir_ + "/" + name, text, 0600).ok());
  }
  std::string ErrorOf(const std::string& text) {
    Write("config.toml", text);
    Config config;
    auto read = ReadConfig(path(), true, config);
    if (read.ok()) read = CheckConfig(config);
    return read.ok() ? "" : read.error().text();
  }

  std::string dir_;
};

TEST_F(ConfigFile, FileThenDropInsByName) {
  Write("config.toml", "root = \"/a\"\nlog_level = \"debug\"\n[cni]\nbin_dirs = [\"/x\", \"/y\"]\n");
  Write("config.toml.d/20.toml", "root = \"/c\"\n");
  Write("config.toml.d/10.toml", "root = \"/b\"\n[cni]\nconf_dir = \"/n\"\n");
  Write("config.toml.d/ignored.txt", "nonsense");
  Config config;
  auto read = ReadConfig(path(), true, config);
  ASSERT_TRUE(read.ok()) << read.error().text();
  EXPECT_EQ(config.root, "/c");
  EXPECT_EQ(config.log_level, "debug");
  EXPECT_EQ(config.cni_conf_dir, "/n");
  EXPECT_EQ(config.cni_bin_dirs, (std::vector<std::string>{"/x", "/y"}));
}

TEST_F(ConfigFile, BadInputNamesTheKeyAndTheValue) {
  EXPECT_NE(ErrorOf("rot = \"/a\"").find("unknown key \"rot\"; did you mean \"root\""), std::string::npos);
  EXPECT_NE(ErrorOf("[cni]\nconfdir = \"/a\"").find("did you mean \"cni.conf_dir\""), std::string::npos);
  EXPECT_NE(ErrorOf("[cnj]\nx = 1").find("unknown key \"cnj\""), std::string::npos);
  EXPECT_NE(ErrorOf("root = 3").find("\"root\" must be a string"), std::string::npos);
  EXPECT_NE(ErrorOf("[cni]\nbin_dirs = \"/a\"").find("must be a list of strings"), std::string::npos);
  EXPECT_NE(ErrorOf("root = \"relative\"").find("root = \"relative\""), std::string::npos);
  EXPECT_NE(ErrorOf("[runtime]\ndevice_ownership_from_security_context = 1").find("must be true or false"), std::string::npos);
  EXPECT_NE(ErrorOf("[views]\nproc = \"some\"").find("views.proc = \"some\""), std::string::npos);
  EXPECT_NE(ErrorOf("handlers = 1").find("unknown key \"handlers\""), std::string::npos);
  EXPECT_NE(ErrorOf("[handlers]\nx = 1").find("\"handlers.x\" must be a table"), std::string::npos);
  EXPECT_NE(ErrorOf("[handlers.x]\nviews = \"off\"").find("did you mean \"handlers.x.proc_views\""), std::string::npos);
  EXPECT_NE(ErrorOf("[handlers.x]\nproc_views = \"some\"").find("handlers.x.proc_views = \"some\""), std::string::npos);
  EXPECT_NE(ErrorOf("[handlers.Upper]").find("handlers.Upper: a handler's name must be a DNS label"), std::string::npos);
  EXPECT_NE(ErrorOf("[handlers.\"\"]").find("must be a DNS label"), std::string::npos);
  EXPECT_NE(ErrorOf("log_level = \"loud\"").find("\"loud\""), std::string::npos);
  EXPECT_NE(ErrorOf("[image]\nparallel_layers = 0").find("parallel_layers = 0"), std::string::npos);
  for (const char* limit : {"max_config_bytes = 4095", "max_json_depth = 257", "max_layer_bytes = 1", "max_layer_entries = 0",
                            "max_layer_extents = 999", "max_layer_header_bytes = 8191", "max_layer_memory_bytes = 1048576",
                            "max_layer_name_bytes = 4096", "max_layer_ratio = 0", "max_layers = 501", "max_manifest_bytes = 67108865"})
    EXPECT_NE(ErrorOf(std::string("[image]\n") + limit).find(std::string("image.") + limit + ": must be between"), std::string::npos) << limit;
  EXPECT_NE(ErrorOf("[runtime]\ndefault_ulimits = [\"files=1\"]").find("runtime.default_ulimits: \"files=1\": no such"),
            std::string::npos);
  EXPECT_NE(ErrorOf("[runtime]\ndefault_env = [\"A\"]").find("runtime.default_env: \"A\""), std::string::npos);
  EXPECT_NE(ErrorOf("root = \"/a\nx").find("config.toml:"), std::string::npos);
}

TEST_F(ConfigFile, HandlersAreNamedByTheirTables) {
  Write("config.toml", "[handlers.plain]\nproc_views = \"all\"\n[handlers.test-handler]\n");
  Write("config.toml.d/10.toml", "[handlers.plain]\nproc_views = \"off\"\n");
  Config config;
  ASSERT_TRUE(ReadConfig(path(), true, config).ok());
  ASSERT_TRUE(CheckConfig(config).ok());
  ASSERT_EQ(config.handlers.size(), 2u);
  EXPECT_EQ(config.handlers["plain"].proc_views, "off");
  EXPECT_EQ(config.handlers["test-handler"].proc_views, "");
}

TEST_F(ConfigFile, WhatIsPrintedReadsBackTheSame) {
  Config config;
  config.handlers = {{"plain", {"off"}}, {"test-handler", {}}};
  config.root = "/with \"quotes\"";
  config.cni_bin_dirs = {};
  config.image_parallel_layers = 9;
  Write("config.toml", FormatConfig(config));
  Config again;
  ASSERT_TRUE(ReadConfig(path(), true, again).ok());
  EXPECT_EQ(FormatConfig(again), FormatConfig(config));
}

TEST_F(ConfigFile, MissingFileMattersOnlyWhenNamed) {
  Config config;
  EXPECT_TRUE(ReadConfig(dir_ + "/none", false, config).ok());
  EXPECT_FALSE(ReadConfig(dir_ + "/none", true, config).ok());
}

}  // namespace
}  // namespace cradle::config
