#include "ctl/table.h"

#include <gtest/gtest.h>

namespace cradle::ctl {
namespace {

Table Sample() {
  Table table({{"ID"}, {"NAME", true}, {"STATE"}});
  table.Add({"0123456789ab", "a-rather-long-name", "running"});
  table.Add({"1", "b", "exited"});
  return table;
}

TEST(Table, IsAsWideAsItsCells) {
  EXPECT_EQ(Sample().Format(0),
            "ID            NAME                STATE\n"
            "0123456789ab  a-rather-long-name  running\n"
            "1             b                   exited\n");
}

TEST(Table, ShrinksWhatMayShrinkToTheTerminal) {
  EXPECT_EQ(Sample().Format(33),
            "ID            NAME        STATE\n"
            "0123456789ab  a-rather-…  running\n"
            "1             b           exited\n");
}

TEST(Table, KeepsIdsWholeWhenTheTerminalIsTooNarrow) {
  EXPECT_NE(Sample().Format(10).find("0123456789ab  a-rat…"), std::string::npos)
      << Sample().Format(10);
}

TEST(Table, NamesDoNotMoveTheCursor) {
  Table table({{"N"}});
  table.Add({"a\033[2Jb\n"});
  EXPECT_EQ(table.Format(0), "N\na?[2Jb?\n");
}

}  // namespace
}  // namespace cradle::ctl
