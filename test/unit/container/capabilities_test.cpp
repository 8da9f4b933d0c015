#include "container/capabilities.h"

#include <gtest/gtest.h>
#include <linux/capability.h>

namespace cradle::container {
namespace {

using Strings = std::vector<std::string>;

constexpr uint64_t kEveryCap = (uint64_t{1} << 41) - 1;

uint64_t Bit(int capability) { return uint64_t{1} << capability; }

TEST(Capabilities, AddAndDrop) {
  const auto granted = [](Strings add, Strings drop) {
    SecuritySpec security;
    security.caps_add = std::move(add);
    security.caps_drop = std::move(drop);
    const auto caps = BuildCapabilities(security, kEveryCap);
    EXPECT_TRUE(caps.ok());
    return caps->granted;
  };
  EXPECT_EQ(granted({"NET_ADMIN"}, {"CHOWN"}), (kDefaultCapabilities | Bit(CAP_NET_ADMIN)) & ~Bit(CAP_CHOWN));
  EXPECT_EQ(granted({"CAP_SYS_TIME", "cap_syslog"}, {}), kDefaultCapabilities | Bit(CAP_SYS_TIME) | Bit(CAP_SYSLOG));
  EXPECT_EQ(granted({"ALL"}, {}), kEveryCap);
  EXPECT_EQ(granted({"ALL"}, {"CHECKPOINT_RESTORE"}), kEveryCap & ~Bit(CAP_CHECKPOINT_RESTORE));
  EXPECT_EQ(granted({}, {"ALL"}), 0u);
  EXPECT_EQ(granted({"KILL"}, {"ALL"}), Bit(CAP_KILL));
  EXPECT_EQ(granted({"KILL"}, {"KILL"}), kDefaultCapabilities & ~Bit(CAP_KILL));
}

TEST(Capabilities, AmbientOnesMustBeGranted) {
  SecuritySpec security;
  security.caps_ambient = {"NET_BIND_SERVICE"};
  EXPECT_EQ(BuildCapabilities(security, kEveryCap)->ambient, Bit(CAP_NET_BIND_SERVICE));
  EXPECT_EQ(BuildCapabilities(security, 0)->ambient, 0u);
  security.caps_ambient = {"SYS_ADMIN"};
  EXPECT_FALSE(BuildCapabilities(security, kEveryCap).ok());
}

TEST(Capabilities, UnknownNamesAreRefusedByName) {
  SecuritySpec security;
  security.caps_drop = {"CAP_FLYING"};
  const auto caps = BuildCapabilities(security, kEveryCap);
  ASSERT_FALSE(caps.ok());
  EXPECT_EQ(caps.error().code(), Code::kInvalidArgument);
  EXPECT_EQ(caps.error().text(), "capabilities.drop_capabilities: unknown capability \"CAP_FLYING\"");
}

}  // namespace
}  // namespace cradle::container
