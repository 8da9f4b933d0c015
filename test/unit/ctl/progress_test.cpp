#include "ctl/progress.h"

#include <gtest/gtest.h>

#include <utility>

namespace cradle::ctl {
namespace {

using Style = ProgressLines::Style;

struct Told {
  explicit Told(Style style) : lines(style, [this](const std::string& text) { printed += text; }) {}
  std::string Take() { return std::exchange(printed, ""); }
  std::string printed;
  ProgressLines lines;
};

TEST(ProgressLines, OnATerminalEachLayersLineIsDrawnOverItself) {
  Told told(Style::kTerminal);
  told.lines.Tell({"sha256:0123456789abcdef", "downloading", 1 << 20, 2 << 20});
  EXPECT_EQ(told.Take(), "\r\033[K0123456789ab  downloading  [===============>              ] 1.0 MiB of 2.0 MiB\n");
  told.lines.Tell({"sha256:fedcba9876543210", "waiting", 0, 0});
  told.Take();
  told.lines.Tell({"sha256:0123456789abcdef", "done", 2 << 20, 2 << 20});
  EXPECT_EQ(told.Take(), "\033[2A\r\033[K0123456789ab  done         2.0 MiB\n\r\033[Kfedcba987654  waiting      \n");
  told.lines.Warn("old");
  told.lines.Tell({"sha256:fedcba9876543210", "exists", 0, 0});
  EXPECT_TRUE(told.Take().starts_with("warning: old\n\r\033[K")) << "the lines go on below it";
}

TEST(ProgressLines, InAPipeALayerIsToldOnceWhenItIsThere) {
  Told told(Style::kPipe);
  told.lines.Tell({"sha256:0123456789abcdef", "downloading", 1, 2});
  told.lines.Tell({"sha256:0123456789abcdef", "unpacking", 2, 2});
  EXPECT_EQ(told.Take(), "");
  told.lines.Tell({"sha256:0123456789abcdef", "done", 2, 2});
  told.lines.Tell({"sha256:0123456789abcdef", "done", 2, 2});
  EXPECT_EQ(told.Take(), "0123456789ab  done         2 B\n");
}

}  // namespace
}  // namespace cradle::ctl
