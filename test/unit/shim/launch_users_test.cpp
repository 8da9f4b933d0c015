#include <sys/stat.h>
#include <unistd.h>

#include "launch_fixture.h"

namespace cradle::shim {
namespace {

class UsersTest : public LaunchTest {
 protected:
  Finished As(const std::string& user, const std::string& group = "",
              std::vector<uint32_t> supplemental = {}, bool strict = false) {
    container::LaunchPlan plan = Plan("echo $HOME; grep -E '^(Uid|Gid|Groups):' /proc/self/status");
    plan.process.user = {user, group, std::move(supplemental), strict};
    return Run(plan);
  }
  void Expect(const Finished& finished, uint32_t uid, uint32_t gid, std::vector<uint32_t> groups,
              const std::string& home) {
    EXPECT_EQ(finished.failure, "");
    EXPECT_EQ(finished.user.uid, uid);
    EXPECT_EQ(finished.user.gid, gid);
    EXPECT_EQ(finished.user.groups, groups);
    std::string listed;
    for (uint32_t group : groups) listed += std::to_string(group) + " ";
    auto four = [](uint32_t id) {
      std::string one = "\t" + std::to_string(id);
      return one + one + one + one + "\n";
    };
    EXPECT_EQ(finished.out,
              home + "\nUid:" + four(uid) + "Gid:" + four(gid) + "Groups:\t" + listed + "\n");
  }
};

TEST_F(UsersTest, NobodyNamedIsRoot) { Expect(As(""), 0, 0, {0, 10}, "/root"); }
TEST_F(UsersTest, ANameBringsItsGroupsAndHome) {
  Expect(As("bob"), 1000, 1001, {10, 44, 1001}, "/home/bob");
}
TEST_F(UsersTest, AKnownNumberIsTheSameUser) {
  Expect(As("1000"), 1000, 1001, {10, 44, 1001}, "/home/bob");
}
TEST_F(UsersTest, AnUnknownNumberIsTakenAsItIs) { Expect(As("4321"), 4321, 0, {0}, "/"); }
TEST_F(UsersTest, AGroupOverridesTheUsers) {
  Expect(As("bob", "video"), 1000, 44, {10, 44}, "/home/bob");
  Expect(As("bob", "777"), 1000, 777, {10, 44, 777}, "/home/bob");
}
TEST_F(UsersTest, SupplementalGroupsAreAddedOnceAndSorted) {
  Expect(As("bob", "", {5, 4000000000, 44, 5}), 1000, 1001, {5, 10, 44, 1001, 4000000000},
         "/home/bob");
}
TEST_F(UsersTest, StrictReadsNoGroupFile) {
  Expect(As("bob", "", {5}, true), 1000, 1001, {5, 1001}, "/home/bob");
}

TEST_F(UsersTest, NamesMustExist) {
  Finished finished = As("carol");
  EXPECT_EQ(finished.failure, "user \"carol\" not found in the image's /etc/passwd");
  EXPECT_EQ(finished.failure_code, Code::kInvalidArgument);
  EXPECT_EQ(As("bob", "nogroup").failure, "group \"nogroup\" not found in the image's /etc/group");
}

TEST_F(UsersTest, NumbersThatNoUserCanHaveAreRefused) {
  for (const char* number : {"4294967295", "4294967296", "99999999999999999999"}) {
    EXPECT_EQ(As(number).failure, "user \"" + std::string(number) + "\" is out of range");
    EXPECT_EQ(As("0", number).failure, "group \"" + std::string(number) + "\" is out of range");
  }
  EXPECT_EQ(As("4294967294").user.uid, 4294967294u);
}

TEST_F(UsersTest, AnImageWithoutTheFilesHasNumbersOnly) {
  ASSERT_EQ(unlink(Image("/etc/passwd").c_str()), 0);
  ASSERT_EQ(unlink(Image("/etc/group").c_str()), 0);
  Expect(As("1000", "7"), 1000, 7, {7}, "/");
  EXPECT_TRUE(Contains(As("bob").failure, "not found"));
}

TEST_F(UsersTest, FilesThatAreNotRegularAreNoFiles) {
  ASSERT_EQ(unlink(Image("/etc/passwd").c_str()), 0);
  ASSERT_EQ(mkfifo(Image("/etc/passwd").c_str(), 0666), 0);
  EXPECT_TRUE(Contains(As("bob").failure, "not found"));
  Expect(As("1000", "7", {}, true), 1000, 7, {7}, "/");
}

TEST_F(UsersTest, LinksToTheFilesStayInTheImage) {
  ASSERT_EQ(unlink(Image("/etc/passwd").c_str()), 0);
  ASSERT_EQ(symlink("../../../../usr/accounts", Image("/etc/passwd").c_str()), 0);
  Write("/usr/accounts", "bob:x:7:8::/seven:\n");
  Expect(As("bob"), 7, 8, {8, 10, 44}, "/seven");
}

TEST_F(UsersTest, MalformedLinesAreSkipped) {
  Write("/etc/passwd",
        "\n:\nbob\nbob:x\nbob:x:one:2::/:\nbob:x:-1:2::/:\nbob:x:5000000000:2::/"
        ":\n+bob:::\nbob:x:9:11::/nine");
  Write("/etc/group", "\nvideo\nvideo:x:\nvideo:x:zz:bob\nvideo:x:44:bobby,bo,,bob");
  Expect(As("bob"), 9, 11, {11, 44}, "/nine");
}

TEST_F(UsersTest, LongLinesAreReadToTheirEnd) {
  std::string members;
  for (int i = 0; i < 5000; ++i) members += "member" + std::to_string(i) + ",";
  Write("/etc/group", "big:x:60:" + members + "bob\nlong" + std::string(3000, 'g') + ":x:61:bob\n");
  Expect(As("bob"), 1000, 1001, {60, 61, 1001}, "/home/bob");
}

TEST_F(UsersTest, TooManyGroupsAreAnError) {
  std::vector<uint32_t> groups;
  for (uint32_t i = 0; i < 1023; ++i) groups.push_back(i + 5000);
  EXPECT_EQ(As("4321", "", groups).user.groups.size(), 1024u);
  groups.push_back(9999);
  EXPECT_EQ(As("4321", "", groups).failure, "more than 1024 groups");
}

TEST_F(UsersTest, AHugeFileIsNotReadToItsEnd) {
  ASSERT_EQ(truncate(Image("/etc/passwd").c_str(), 11 << 20), 0);
  EXPECT_EQ(As("carol").failure, "read the image's /etc/passwd: File too large");
}

}  // namespace
}  // namespace cradle::shim
