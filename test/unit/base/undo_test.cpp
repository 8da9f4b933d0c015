#include "base/undo.h"

#include <gtest/gtest.h>

namespace cradle {
namespace {

TEST(Undo, RunsNewestFirstAndGoesOnPastFailures) {
  std::string order;
  Undo undo;
  undo.Add("one", [&]() -> Result<> { order += "1"; return {}; });
  undo.Add("two", [&]() -> Result<> { order += "2"; return Internal("stuck"); });
  undo.Add("three", [&]() -> Result<> { order += "3"; return {}; });
  EXPECT_EQ(undo.Run(), std::vector<std::string>{"two: stuck"});
  EXPECT_EQ(order, "321");
  EXPECT_TRUE(undo.Run().empty());
}

TEST(Undo, DestructorRunsUnlessCommitted) {
  int ran = 0;
  { Undo undo; undo.Add("x", [&]() -> Result<> { ++ran; return {}; }); }
  EXPECT_EQ(ran, 1);
  { Undo undo; undo.Add("x", [&]() -> Result<> { ++ran; return {}; }); undo.Commit(); }
  EXPECT_EQ(ran, 1);
}

}  // namespace
}  // namespace cradle
