#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace cradle {
namespace {

Result<int> Parse(bool good) {
  if (good) return 7;
  return InvalidArgument("bad number");
}

Result<int> Twice(bool good) { return TRY(Parse(good)) * 2; }
Result<> Check(bool good) {
  TRYV(Parse(good).With("outer"));
  return {};
}
Result<std::unique_ptr<int>> Moved() {
  Result<std::unique_ptr<int>> made = std::make_unique<int>(3);
  return TRY(std::move(made));
}

TEST(Result, TryPassesTheValueOrReturnsTheError) {
  EXPECT_EQ(Twice(true).value(), 14);
  EXPECT_EQ(Twice(false).error().text(), "bad number");
  EXPECT_EQ(Twice(false).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(**Moved(), 3);
}

TEST(Result, ContextGrowsOutermostFirst) {
  EXPECT_TRUE(Check(true).ok());
  EXPECT_EQ(Check(false).With("run pod a/b").error().text(), "run pod a/b: outer: bad number");
}

TEST(Error, FromErrnoKeepsTheNumberAndMapsTheCode) {
  Error error = Error::FromErrno(ENOENT, "open /x");
  EXPECT_EQ(error.err(), ENOENT);
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_EQ(error.text(), "open /x: No such file or directory");
  EXPECT_EQ(Error::FromErrno(ENOSPC, "w").code(), Code::kResourceExhausted);
  EXPECT_EQ(std::move(error).As(Code::kAborted).code(), Code::kAborted);
}

}  // namespace
}  // namespace cradle
