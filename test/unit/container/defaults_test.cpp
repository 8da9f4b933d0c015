#include "container/defaults.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>

namespace cradle::container {
namespace {

TEST(Defaults, LimitsAreNamesWithOneOrTwoValues) {
  auto both = ParseRlimit("nofile=1024:4096");
  ASSERT_TRUE(both.ok()) << both.error().text();
  EXPECT_EQ(both->resource, static_cast<int>(RLIMIT_NOFILE));
  EXPECT_EQ(both->soft, 1024u);
  EXPECT_EQ(both->hard, 4096u);
  EXPECT_EQ(ParseRlimit("core=0")->hard, 0u);
  EXPECT_EQ(ParseRlimit("memlock=8:unlimited")->hard, uint64_t{RLIM_INFINITY});
}

TEST(Defaults, BadLimitsAreNamed) {
  for (const char* bad : {"", "nofile", "nofile=", "nofile=x", "nofile=-1", "nofile=2:1", "nofile=1:2:3", "nofile=1:",
                          "files=1", "NOFILE=1", "nofile=99999999999999999999"}) {
    auto limit = ParseRlimit(bad);
    ASSERT_FALSE(limit.ok()) << bad;
    EXPECT_NE(limit.error().text().find(Cat("\"", bad, "\"")), std::string::npos) << limit.error().text();
  }
}

TEST(Defaults, EnvironmentHasNamesAndValues) {
  EXPECT_TRUE(CheckEnvEntry("A=").ok());
  for (const std::string bad : {"", "A", "=b"}) EXPECT_FALSE(CheckEnvEntry(bad).ok()) << bad;
}

TEST(Defaults, AZoneMustBeThere) {
  EXPECT_EQ(*FindTimezone(""), "");
  if (std::filesystem::exists("/etc/localtime")) {
    EXPECT_EQ(*FindTimezone("Local"), "/etc/localtime");
  }
  for (const char* bad : {"No/Where", "../../../etc/passwd", "/etc/passwd", "Europe"}) {
    auto zone = FindTimezone(bad);
    ASSERT_FALSE(zone.ok()) << bad;
    EXPECT_NE(zone.error().text().find(Cat("timezone \"", bad, "\"")), std::string::npos) << zone.error().text();
  }
}

}  // namespace
}  // namespace cradle::container
