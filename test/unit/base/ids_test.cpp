#include "base/ids.h"

#include <gtest/gtest.h>

#include <set>

namespace cradle {
namespace {

TEST(Ids, RandomIdsAreHexAndDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    std::string id = RandomHex64();
    EXPECT_EQ(id.size(), 64u);
    EXPECT_TRUE(IsHexPrefix(id));
    seen.insert(id);
  }
  EXPECT_EQ(seen.size(), 100u);
}

TEST(Ids, WhatMayBeAnId) {
  EXPECT_TRUE(IsHexPrefix("0a9f"));
  for (const char* bad : {"", "0A", "g", "../", "a-b"}) EXPECT_FALSE(IsHexPrefix(bad)) << bad;
  EXPECT_FALSE(IsHexPrefix(std::string(65, 'a')));
}

TEST(Ids, Sha256Digest) {
  EXPECT_TRUE(IsSha256Digest("sha256:" + std::string(64, '0')));
  EXPECT_FALSE(IsSha256Digest("sha256:" + std::string(63, '0')));
  EXPECT_FALSE(IsSha256Digest("sha512:" + std::string(64, '0')));
  EXPECT_FALSE(IsSha256Digest(std::string(64, '0')));
}

}  // namespace
}  // namespace cradle
