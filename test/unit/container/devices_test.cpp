#include "container/devices.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>

#include "container/build_plan.h"

namespace cradle::container {
namespace {

// A /dev of our own: real device nodes need root.
class FakeDev : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/cradle-dev.XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root_ = name;
    for (const char* dir : {"snd", "pts", "snd/deep"}) std::filesystem::create_directory(root_ + "/" + dir);
    for (const auto& [path, block, minor_number] : {std::tuple{"null", false, 3u}, {"snd/pcm", false, 5u},
                                                    {"pts/0", false, 7u}, {"snd/deep/ctl", true, 9u}}) {
      const mode_t mode = (block ? S_IFBLK : S_IFCHR) | 0640;
      if (mknod((root_ + "/" + path).c_str(), mode, makedev(1, minor_number)) != 0) GTEST_SKIP() << "mknod: not root";
      ASSERT_EQ(chmod((root_ + "/" + path).c_str(), 0640), 0);
    }
    std::filesystem::create_symlink("snd/pcm", root_ + "/link");
    std::filesystem::create_symlink("..", root_ + "/snd/loop");
    ASSERT_EQ(mkfifo((root_ + "/fifo").c_str(), 0600), 0);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::string root_;
};

std::string Show(const std::vector<DevicePlan>& devices) {
  std::string out;
  for (const DevicePlan& device : devices)
    out += Cat(device.path, device.block ? " b " : " c ", std::to_string(device.major), ":",
               std::to_string(device.minor), " ", std::to_string(device.mode), "\n");
  return out;
}

TEST_F(FakeDev, HostDevicesAreThoseThatAContainerHasNotOfItsOwn) {
  const auto devices = HostDevices(root_);
  ASSERT_TRUE(devices.ok()) << devices.error().text();
  EXPECT_EQ(Show(*devices), "/dev/snd/deep/ctl b 1:9 416\n/dev/snd/pcm c 1:5 416\n");
}

TEST_F(FakeDev, ALinkIsFollowedAndADirectoryMeansWhatIsBelow) {
  const auto one = ResolveDevices({{.container_path = "/dev/x", .host_path = root_ + "/link", .permissions = "r"}});
  ASSERT_TRUE(one.ok()) << one.error().text();
  EXPECT_EQ(Show(*one), "/dev/x c 1:5 416\n");
  const auto all = ResolveDevices({{.container_path = "/dev/sound/", .host_path = root_ + "/snd", .permissions = "rw"}});
  ASSERT_TRUE(all.ok()) << all.error().text();
  EXPECT_EQ(Show(*all), "/dev/sound/deep/ctl b 1:9 416\n/dev/sound/pcm c 1:5 416\n");
}

TEST_F(FakeDev, RulesNameEachDeviceWithItsAccess) {
  ContainerSpec spec;
  const size_t defaults = BuildDeviceRules(spec).size();
  spec.devices = {{.container_path = "/dev/s", .host_path = root_ + "/snd", .permissions = "rw"}};
  const auto rules = BuildDeviceRules(spec);
  ASSERT_EQ(rules.size(), defaults + 2);
  EXPECT_EQ(rules[defaults].type, 'b');
  EXPECT_EQ(rules[defaults].minor, 9);
  EXPECT_EQ(rules[defaults].access, "rw");
  EXPECT_EQ(rules[defaults + 1].type, 'c');
}

TEST_F(FakeDev, WhatIsNoDeviceIsRefusedByName) {
  const auto refused = [&](DeviceSpec device, Code code, const std::string& text) {
    const auto result = ResolveDevices({device});
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_EQ(result.error().code(), code) << result.error().text();
    EXPECT_NE(result.error().text().find(text), std::string::npos) << result.error().text();
  };
  refused({.container_path = "/d", .host_path = root_ + "/gone", .permissions = "r"}, Code::kNotFound, "/gone");
  refused({.container_path = "/d", .host_path = root_ + "/fifo", .permissions = "r"}, Code::kInvalidArgument, "/fifo");
  refused({.container_path = "/d", .host_path = "dev/null", .permissions = "r"}, Code::kInvalidArgument, "dev/null");
  refused({.container_path = "d", .host_path = "/dev/null", .permissions = "r"}, Code::kInvalidArgument, "\"d\"");
  refused({.container_path = "/d", .host_path = "/dev/null", .permissions = "rx"}, Code::kInvalidArgument, "\"rx\"");
  refused({.container_path = "/d", .host_path = "/dev/null", .permissions = ""}, Code::kInvalidArgument, "permissions");
  for (const char* place : {"/dev", "/dev/", "/proc/x", "/sys/x", "/dev/pts/0", "/dev/mqueue/x"})
    refused({.container_path = place, .host_path = "/dev/null", .permissions = "r"}, Code::kInvalidArgument, "no device can be made there");
  EXPECT_TRUE(ResolveDevices({{.container_path = "/dev/ptsx", .host_path = "/dev/null", .permissions = "r"}}).ok());
}

// "/" would be looked through for minutes.
TEST_F(FakeDev, ADirectoryOfTooMuchElseIsRefused) {
  for (int i = 0; i <= 30'000; ++i) ASSERT_EQ(mknod((root_ + "/snd/deep/" + std::to_string(i)).c_str(), S_IFREG | 0600, 0), 0);
  const auto all = ResolveDevices({{.container_path = "/dev/sound", .host_path = root_ + "/snd", .permissions = "rw"}});
  ASSERT_FALSE(all.ok());
  EXPECT_EQ(all.error().code(), Code::kInvalidArgument);
  EXPECT_NE(all.error().text().find("/snd: /dev/sound/deep: more than 30000 files"), std::string::npos) << all.error().text();
}

TEST(DeviceRules, EverythingIsDeniedButTheDefaults) {
  const auto rules = BuildDeviceRules({});
  ASSERT_FALSE(rules.empty());
  EXPECT_FALSE(rules[0].allow);
  EXPECT_EQ(rules[0].type, 'a');
  std::string opened;
  for (const auto& rule : rules)
    if (rule.allow && rule.access != "m") opened += Cat(std::string(1, rule.type), std::to_string(rule.major), ":",
                                                         std::to_string(rule.minor), rule.access, " ");
  EXPECT_EQ(opened, "c1:3rwm c1:5rwm c1:7rwm c1:8rwm c1:9rwm c5:0rwm c5:1rwm c5:2rwm c136:-1rwm ");
}

TEST(DeviceRules, PrivilegedMayOpenAll) {
  ContainerSpec spec;
  spec.security.privileged = true;
  const auto rules = BuildDeviceRules(spec);
  ASSERT_EQ(rules.size(), 1u);
  EXPECT_TRUE(rules[0].allow);
  EXPECT_EQ(rules[0].type, 'a');
}

TEST(NodeFacts, AreThisNodes) {
  const auto facts = CollectNodeFacts();
  ASSERT_TRUE(facts.ok()) << facts.error().text();
  EXPECT_EQ(facts->bounding_caps >> 41, 0u);
  EXPECT_GE(facts->oom_score_adj, -1000);
}

TEST(HostDevices, AreNotWhatEachContainerHas) {
  const auto devices = HostDevices("/dev");
  ASSERT_TRUE(devices.ok()) << devices.error().text();
  EXPECT_FALSE(devices->empty());
  for (const DevicePlan& device : *devices) {
    EXPECT_TRUE(device.path.starts_with("/dev/"));
    EXPECT_FALSE(device.path.starts_with("/dev/pts/"));
    EXPECT_NE(device.path, "/dev/null");
  }
}

}  // namespace
}  // namespace cradle::container
