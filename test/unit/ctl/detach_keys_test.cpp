#include "ctl/detach_keys.h"

#include <gtest/gtest.h>

namespace cradle::ctl {
namespace {

TEST(DetachKeys, AreTakenOutOfWhatIsTyped) {
  auto keys = std::move(*DetachKeys::Parse("ctrl-p,ctrl-q"));
  EXPECT_EQ(keys.Take("ls\r").bytes, "ls\r");
  EXPECT_EQ(keys.Take("a\x10").bytes, "a");  // held back
  auto typed = keys.Take("\x11 more");
  EXPECT_TRUE(typed.detached);
  EXPECT_EQ(typed.bytes, "");
}

TEST(DetachKeys, WhatOnlyBeginsLikeThemIsPassedOn) {
  auto keys = std::move(*DetachKeys::Parse("ctrl-p,ctrl-q"));
  EXPECT_EQ(keys.Take("\x10x").bytes, "\x10x");
  EXPECT_EQ(keys.Take("\x10\x10").bytes, "\x10");
  EXPECT_TRUE(keys.Take("\x11").detached);
}

TEST(DetachKeys, MayBeNone) {
  auto keys = std::move(*DetachKeys::Parse(""));
  EXPECT_EQ(keys.Take("\x10\x11").bytes, "\x10\x11");
}

TEST(DetachKeys, MayBeAnyKeys) {
  auto keys = std::move(*DetachKeys::Parse("ctrl-],,,x"));
  EXPECT_FALSE(keys.Take("\x1d,").detached);
  EXPECT_TRUE(keys.Take("x").detached);
  for (const char* bad : {"ctrl-", "ctrl-pp", "shift-a", "ctrl-1"}) EXPECT_FALSE(DetachKeys::Parse(bad).ok()) << bad;
}

}  // namespace
}  // namespace cradle::ctl
