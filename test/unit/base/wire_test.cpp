#include "base/wire.h"

#include <gtest/gtest.h>

namespace cradle::wire {
namespace {

TEST(Wire, ReadsBackWhatWasWritten) {
  Writer w;
  w.U64(1, ~uint64_t{0});
  w.I64(2, -5);
  w.Bool(3, true);
  w.Bool(4, false);
  w.Str(5, std::string("a\0b", 3));
  w.Strs(6, {"x", ""});
  std::string bytes = w.Take();

  Reader r(bytes);
  ASSERT_TRUE(r.Next());
  EXPECT_EQ(r.tag(), 1);
  EXPECT_EQ(r.U64(), ~uint64_t{0});
  ASSERT_TRUE(r.Next());
  EXPECT_EQ(r.I64(), -5);
  ASSERT_TRUE(r.Next());
  EXPECT_TRUE(r.Bool());
  ASSERT_TRUE(r.Next());
  EXPECT_EQ(r.tag(), 5);  // false is not written: it is the default
  EXPECT_EQ(r.Str(), std::string("a\0b", 3));
  ASSERT_TRUE(r.Next());
  EXPECT_EQ(r.Str(), "x");
  ASSERT_TRUE(r.Next());
  EXPECT_EQ(r.Str(), "");
  EXPECT_FALSE(r.Next());
  EXPECT_TRUE(r.ok());
}

TEST(Wire, EveryTruncationIsNoticed) {
  Writer w;
  w.U64(1, 42);
  w.Str(2, "hello");
  const std::string bytes = w.Take();
  for (size_t size = 1; size < bytes.size(); ++size) {
    Reader r(std::string_view(bytes).substr(0, size));
    int fields = 0;
    while (r.Next()) ++fields;
    bool at_a_border = size == 14;
    EXPECT_EQ(r.ok(), at_a_border) << size;
    EXPECT_LE(fields, 1) << size;
  }
}

TEST(Wire, LengthBeyondTheEndIsRefused) {
  Reader r(std::string_view("\x01\x00\xff\xff\xff\xff", 6));
  EXPECT_FALSE(r.Next());
  EXPECT_FALSE(r.ok());
}

TEST(Wire, NumberOfAnotherSizeIsRefused) {
  Writer w;
  w.Str(1, "abc");
  std::string bytes = w.Take();
  Reader r(bytes);
  ASSERT_TRUE(r.Next());
  EXPECT_EQ(r.U64(), 0u);
  EXPECT_FALSE(r.ok());
}

}  // namespace
}  // namespace cradle::wire
