#include "cdi/folders.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace cradle::cdi {
namespace {

class CdiFolders : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/cradle-cdi-XXXXXX";
    root_ = ::mkdtemp(name);
    folders_ = {root_ + "/etc", root_ + "/run", root_ + "/missing"};
    for (int i = 0; i < 2; ++i) std::filesystem::create_directory(folders_[static_cast<size_t>(i)]);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& name, const std::string& text) { std::ofstream(root_ + "/" + name) << text; }
  // A specification of one device, whose edits set "WHO=<who>" and of all "ALL=<who>".
  void WriteSpec(const std::string& name, const std::string& kind, const std::string& device, const std::string& who) {
    Write(name, R"({"cdiVersion":"0.6.0","kind":")" + kind + R"(","devices":[{"name":")" + device +
                    R"(","containerEdits":{"env":["WHO=)" + who + R"("]}},{"name":"second"}],)" +
                    R"("containerEdits":{"env":["ALL=)" + who + R"("]}})");
  }
  using Names = std::vector<std::string>;
  Names Env(const Names& names) {
    auto edits = FindDevices(folders_, names);
    EXPECT_TRUE(edits.ok()) << edits.error().text();
    return edits.ok() ? edits->env : Names();
  }
  std::string Why(const Names& names) {
    auto edits = FindDevices(folders_, names);
    EXPECT_FALSE(edits.ok());
    return edits.ok() ? "" : edits.error().text();
  }

  std::string root_;
  std::vector<std::string> folders_;
};

TEST_F(CdiFolders, ASpecificationsOwnEditsComeOnceAndFirst) {
  WriteSpec("etc/a.json", "a.com/x", "d", "a");
  WriteSpec("etc/b.json", "b.com/x", "d", "b");
  EXPECT_EQ(Env({"a.com/x=d", "b.com/x=d", "a.com/x=second"}), (Names{"ALL=a", "WHO=a", "ALL=b", "WHO=b"}));
  EXPECT_EQ(Env({}), Names());
}

TEST_F(CdiFolders, ALaterFolderHidesAnEarlier) {
  WriteSpec("etc/a.json", "a.com/x", "d", "etc");
  WriteSpec("run/a.json", "a.com/x", "d", "run");
  EXPECT_EQ(Env({"a.com/x=d"}), (Names{"ALL=run", "WHO=run"}));
}

TEST_F(CdiFolders, TwoInOneFolderAreAmbiguous) {
  WriteSpec("run/a.json", "a.com/x", "d", "a");
  WriteSpec("run/b.json", "a.com/x", "d", "b");
  std::string why = Why({"a.com/x=d"});
  EXPECT_NE(why.find("\"a.com/x=d\": ambiguous: in "), std::string::npos) << why;
  EXPECT_NE(why.find("run/a.json and in "), std::string::npos) << why;
}

TEST_F(CdiFolders, WhatIsBadCostsOnlyWhoMissesSomething) {
  WriteSpec("etc/a.json", "a.com/x", "d", "a");
  Write("etc/bad.json", "{");
  Write("etc/notes.txt", "{");
  ASSERT_EQ(::mkfifo((root_ + "/etc/pipe.json").c_str(), 0600), 0);
  EXPECT_EQ(Env({"a.com/x=d"}).size(), 2u);
  std::string why = Why({"a.com/x=other"});
  EXPECT_NE(why.find("CDI device \"a.com/x=other\": in no specification"), std::string::npos) << why;
  EXPECT_NE(why.find("etc/bad.json: not JSON"), std::string::npos) << why;
  EXPECT_NE(why.find("etc/pipe.json: not a file"), std::string::npos) << why;
  EXPECT_EQ(why.find("notes.txt"), std::string::npos) << why;
}

TEST_F(CdiFolders, AreReadAnewEachTime) {
  EXPECT_NE(Why({"a.com/x=d"}).find("in no specification"), std::string::npos);
  Write("run/a.yaml", "cdiVersion: 0.6.0\nkind: a.com/x\ndevices:\n- name: d\n  containerEdits: {env: [A=1]}\n");
  EXPECT_EQ(Env({"a.com/x=d"}), Names{"A=1"});
  std::filesystem::remove(root_ + "/run/a.yaml");
  EXPECT_NE(Why({"a.com/x=d"}).find("in no specification"), std::string::npos);
}

}  // namespace
}  // namespace cradle::cdi
