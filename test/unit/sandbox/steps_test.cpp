#include "sandbox/steps.h"

#include <gtest/gtest.h>

namespace cradle::sandbox {
namespace {

TEST(Steps, FailureUndoesWhatCameBeforeAndTheFailedStepItself) {
  std::string order;
  Laps laps;
  {
    Steps steps("chain", laps);
    auto note = [&](const char* what) { return [&order, what]() -> Result<> { order += what; return {}; }; };
    ASSERT_TRUE(steps.Do("one", note("1"), note("u1")).ok());
    ASSERT_TRUE(steps.Do("two", note("2")).ok());
    auto failed = steps.Do("three", [&]() -> Result<> { return Internal("broken"); }, note("u3"));
    EXPECT_EQ(failed.error().text(), "three: broken");
    EXPECT_TRUE(steps.UndoAll().empty());
  }
  EXPECT_EQ(order, "12u3u1");
  ASSERT_EQ(laps.size(), 3u);
  EXPECT_EQ(laps[2].first, "three");
}

TEST(Steps, CommitKeepsEverything) {
  Laps laps;
  int undone = 0;
  {
    Steps steps("chain", laps);
    ASSERT_TRUE(steps.Do("one", []() -> Result<> { return {}; }, [&]() -> Result<> { ++undone; return {}; }).ok());
    steps.Commit();
  }
  EXPECT_EQ(undone, 0);
}

TEST(Steps, WhatCanNotBeUndoneIsNamed) {
  Laps laps;
  Steps steps("chain", laps);
  ASSERT_TRUE(steps.Do("net", []() -> Result<> { return {}; }, []() -> Result<> { return Internal("stuck"); }).ok());
  EXPECT_EQ(steps.UndoAll(), std::vector<std::string>{"undo net: stuck"});
}

}  // namespace
}  // namespace cradle::sandbox
