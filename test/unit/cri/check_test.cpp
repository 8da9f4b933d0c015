#include "cri/check.h"

#include <gtest/gtest.h>

namespace cradle::cri {
namespace {

TEST(Quoted, ShowsControlBytesAndKeepsItShort) {
  EXPECT_EQ(Quoted("a\n\"\x7f\xc3"), R"("a\x0a\x22\x7f\xc3")");
  EXPECT_EQ(Quoted(std::string(101, 'x')), "\"" + std::string(100, 'x') + "...\"");
}

TEST(Check, SaysFieldValueAndRule) {
  auto checked = CheckId("linux.security_context.run_as_user", -1);
  ASSERT_FALSE(checked.ok());
  EXPECT_EQ(checked.error().code(), Code::kInvalidArgument);
  EXPECT_EQ(checked.error().text(),
            "linux.security_context.run_as_user: -1: must be between 0 and 4294967294");
}

TEST(Check, IdsEndBeforeNoChange) {
  EXPECT_TRUE(CheckId("f", 0).ok());
  EXPECT_TRUE(CheckId("f", 4294967294).ok());
  EXPECT_FALSE(CheckId("f", 4294967295).ok());
}

TEST(Check, NamesKeepKeysAndPluginArgumentsApart) {
  EXPECT_TRUE(CheckName("f", "web-0.x_y").ok());
  for (const char* bad : {"", "a/b", "a;K=V", "a=b", "a\nb"})
    EXPECT_FALSE(CheckName("f", bad).ok()) << bad;
  EXPECT_TRUE(CheckName("f", std::string(253, 'n')).ok());
  EXPECT_FALSE(CheckName("f", std::string(254, 'n')).ok());
}

TEST(Check, Hostnames) {
  for (const char* good : {"", "a", "a.b-c_d", "9lives"})
    EXPECT_TRUE(CheckHostname("f", good).ok()) << good;
  EXPECT_TRUE(CheckHostname("f", std::string(64, 'h')).ok());
  EXPECT_FALSE(CheckHostname("f", std::string(65, 'h')).ok());
  for (const char* bad : {"-a", "a.", "a b", "a\n", "\xc3\xa4"})
    EXPECT_FALSE(CheckHostname("f", bad).ok()) << bad;
}

TEST(Check, Paths) {
  for (const char* good : {"/", "/a", "/a..b/...", "/a//b/"})
    EXPECT_TRUE(CheckAbsolutePath("f", good).ok()) << good;
  for (const char* bad : {"", "a", "./a", "/..", "/a/../b", "/a/.."}) {
    EXPECT_FALSE(CheckAbsolutePath("f", bad).ok()) << bad;
  }
  EXPECT_FALSE(CheckAbsolutePath("f", std::string_view("/a\0b", 4)).ok());
  EXPECT_TRUE(CheckAbsolutePath("f", "/" + std::string(4094, 'p')).ok());
  EXPECT_FALSE(CheckAbsolutePath("f", "/" + std::string(4095, 'p')).ok());
}

TEST(Check, Addresses) {
  EXPECT_TRUE(CheckIpAddress("f", "10.0.0.1").ok());
  EXPECT_TRUE(CheckIpAddress("f", "fd00::1").ok());
  EXPECT_FALSE(CheckIpAddress("f", "10.0.0.256").ok());
  EXPECT_FALSE(CheckIpAddress("f", std::string("10.0.0.1\0x", 10)).ok());
}

}  // namespace
}  // namespace cradle::cri
