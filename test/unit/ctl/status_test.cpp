#include "ctl/status.h"

#include <gtest/gtest.h>

namespace cradle::ctl {
namespace {

TEST(SessionStatus, IsAnExitCode) {
  EXPECT_EQ(*ExitCodeOf(R"({"metadata":{},"status":"Success"})"), 0);
  EXPECT_EQ(*ExitCodeOf(R"({"status":"Failure","reason":"NonZeroExitCode","message":"...",
                            "details":{"causes":[{"reason":"Other","message":"9"},{"reason":"ExitCode","message":"3"}]}})"),
            3);
}

TEST(SessionStatus, OrTheServersWords) {
  EXPECT_EQ(ExitCodeOf(R"({"status":"Failure","reason":"InternalError","message":"no such program"})").error().text(),
            "no such program");
  for (const char* text : {"", "nonsense", "[]", R"({"reason":"NonZeroExitCode"})", R"({"status":1})"})
    EXPECT_FALSE(ExitCodeOf(text).ok()) << text;
}

}  // namespace
}  // namespace cradle::ctl
