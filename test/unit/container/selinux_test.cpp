#include "container/selinux.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/sys/file.h"

namespace cradle::container {
namespace {

constexpr char kContexts[] = R"(# how containers are called
process = "system_u:system_r:box_t:s0"
content = "system_u:object_r:lib_t:s0"
file	=	"system_u:object_r:box_file_t:s0"
)";

TEST(SelinuxPolicy, TakesWhatTheFileSaysAndElseTheReferencePolicys) {
  SelinuxPolicy policy = ParseSelinuxContexts(kContexts);
  EXPECT_EQ(policy.process, "system_u:system_r:box_t:s0");
  EXPECT_EQ(policy.file, "system_u:object_r:box_file_t:s0");
  EXPECT_EQ(policy.BaseLevel(), "s0");
  for (const char* text : {"", "process", "process = \"", "file = \n", "sandbox_process = \"a:b:c\""}) {
    policy = ParseSelinuxContexts(text);
    EXPECT_EQ(policy.process, "system_u:system_r:container_t:s0") << text;
    EXPECT_EQ(policy.file, "system_u:object_r:container_file_t:s0") << text;
  }
}

TEST(SelinuxLabels, AreNoneWithoutSelinux) {
  SelinuxLabels labels = BuildSelinuxLabels({}, {.user = "", .role = "", .type = "t", .level = "s0"}, {}, false);
  EXPECT_EQ(labels.process, "");
  EXPECT_EQ(labels.file, "");
}

TEST(SelinuxLabels, TheRequestWinsOverThePodAndThePodOverThePolicy) {
  const SelinuxPolicy policy = ParseSelinuxContexts(kContexts);
  SelinuxOptions pod{.user = "", .role = "", .type = "", .level = "s0:c1,c2"};
  SelinuxLabels labels = BuildSelinuxLabels(policy, {}, pod, false);
  EXPECT_EQ(labels.process, "system_u:system_r:box_t:s0:c1,c2");
  EXPECT_EQ(labels.file, "system_u:object_r:box_file_t:s0:c1,c2");
  pod.type = "web_t";
  labels = BuildSelinuxLabels(policy, {.user = "me", .role = "", .type = "", .level = "s0:c9"}, pod, false);
  EXPECT_EQ(labels.process, "me:system_r:web_t:s0:c9");
  EXPECT_EQ(labels.file, "me:object_r:box_file_t:s0:c9");
}

TEST(SelinuxLabels, APrivilegedProcessHasNoCategories) {
  const SelinuxPolicy policy = ParseSelinuxContexts(kContexts);
  const SelinuxOptions pod{.user = "", .role = "", .type = "", .level = "s0:c1,c2"};
  SelinuxLabels labels = BuildSelinuxLabels(policy, {}, pod, true);
  EXPECT_EQ(labels.process, "system_u:system_r:spc_t:s0");
  EXPECT_EQ(labels.file, "system_u:object_r:box_file_t:s0:c1,c2");
  labels = BuildSelinuxLabels(policy, {.user = "", .role = "", .type = "x_t", .level = "s0:c5"}, pod, true);
  EXPECT_EQ(labels.process, "system_u:system_r:x_t:s0:c5");
}

TEST(SelinuxLabels, APolicyWithoutLevelsGetsNone) {
  SelinuxPolicy policy{"u:r:t", "u:object_r:f"};
  EXPECT_EQ(policy.BaseLevel(), "");
  EXPECT_EQ(BuildSelinuxLabels(policy, {}, {}, false).process, "u:r:t");
}

TEST(RandomSelinuxLevel, HasTwoCategoriesInOrder) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string level = RandomSelinuxLevel("s0");
    unsigned first = 0, second = 0;
    ASSERT_EQ(sscanf(level.c_str(), "s0:c%u,c%u", &first, &second), 2) << level;
    EXPECT_LT(first, second);
    EXPECT_LT(second, 1024u);
    seen.insert(level);
  }
  EXPECT_GT(seen.size(), 900u);
}

// Root may write the attribute on a kernel without SELinux, too.
class Relabels : public ::testing::Test {
 protected:
  Relabels() {
    char name[] = "/tmp/cradle-selinux.XXXXXX";
    top_ = mkdtemp(name);
    std::filesystem::create_directories(top_ + "/volume/a/b");
    for (const char* file : {"/volume/one", "/volume/a/b/two", "/outside"}) std::ofstream(top_ + file) << "x";
    std::filesystem::create_symlink(top_ + "/outside", top_ + "/volume/link");
  }
  ~Relabels() override { std::filesystem::remove_all(top_); }
  std::string LabelOf(const std::string& path) {
    auto file = sys::OpenAt(kCwd, top_ + path, O_RDONLY);
    if (!file.ok()) return file.error().text();
    return sys::GetXattr(*file, "security.selinux").value_or("");
  }
  std::string top_;
};

TEST_F(Relabels, EverythingBelowAndNothingThatALinkLeadsTo) {
  ASSERT_TRUE(Relabel(top_ + "/volume", "u:object_r:f:s0:c1,c2", After(std::chrono::seconds(20))).ok());
  for (const char* path : {"/volume", "/volume/one", "/volume/a", "/volume/a/b", "/volume/a/b/two"})
    EXPECT_EQ(LabelOf(path), "u:object_r:f:s0:c1,c2") << path;
  EXPECT_EQ(LabelOf("/outside"), "");
  EXPECT_EQ(LabelOf(""), "");
}

TEST_F(Relabels, ADoneVolumeIsLeftAlone) {
  ASSERT_TRUE(Relabel(top_ + "/volume", "u:object_r:f:s0", After(std::chrono::seconds(20))).ok());
  std::ofstream(top_ + "/volume/later") << "x";
  ASSERT_TRUE(Relabel(top_ + "/volume", "u:object_r:f:s0", After(std::chrono::seconds(20))).ok());
  EXPECT_EQ(LabelOf("/volume/later"), "");
  ASSERT_TRUE(Relabel(top_ + "/volume", "u:object_r:g:s0", After(std::chrono::seconds(20))).ok());
  EXPECT_EQ(LabelOf("/volume/later"), "u:object_r:g:s0");
}

TEST_F(Relabels, AFileAlone) {
  ASSERT_TRUE(Relabel(top_ + "/volume/one", "u:object_r:f:s0", After(std::chrono::seconds(20))).ok());
  EXPECT_EQ(LabelOf("/volume/one"), "u:object_r:f:s0");
  EXPECT_EQ(LabelOf("/volume"), "");
}

TEST_F(Relabels, TheNodesOwnDirectoriesNever) {
  std::filesystem::create_symlink("/etc", top_ + "/etc");
  for (const std::string& path : {std::string("/usr"), std::string("/tmp/.."), top_ + "/etc"}) {
    auto refused = Relabel(path, "u:object_r:f:s0", After(std::chrono::seconds(20)));
    ASSERT_FALSE(refused.ok()) << path;
    EXPECT_EQ(refused.error().code(), Code::kFailedPrecondition);
  }
  EXPECT_FALSE(Relabel(top_ + "/none", "u:object_r:f:s0", After(std::chrono::seconds(20))).ok());
}

TEST_F(Relabels, GivesUpAtItsDeadlineAndLeavesTheTopUnlabelled) {
  auto late = Relabel(top_ + "/volume", "u:object_r:f:s0", After(std::chrono::seconds(-1)));
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(LabelOf("/volume"), "");
}

}  // namespace
}  // namespace cradle::container
