#include "daemon/options.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>

#include "base/fd.h"

namespace cradle::daemon {
namespace {

TEST(Options, WinOverTheFile) {
  char file[] = "/tmp/cradle-options-XXXXXX";
  UniqueFd made(::mkstemp(file));
  ASSERT_TRUE(made.valid());
  std::ofstream(file) << "root = \"/a\"\nstate = \"/b\"\n";
  char name[] = "cradled", flag[] = "--config", state_flag[] = "--state", state[] = "/s";
  char* argv[] = {name, flag, file, state_flag, state, nullptr};
  auto config = Options::Parse(5, argv).value().Load();
  ::unlink(file);
  ASSERT_TRUE(config.ok()) << config.error().text();
  EXPECT_EQ(config->root, "/a");
  EXPECT_EQ(config->state, "/s");
}

TEST(Options, UnknownFlagAndStrayArgumentAreErrors) {
  char name[] = "cradled", bad[] = "--lisen=x", stray[] = "x";
  char* one[] = {name, bad, nullptr};
  char* two[] = {name, stray, nullptr};
  EXPECT_NE(Options::Parse(2, one).error().text().find("--lisen"), std::string::npos);
  EXPECT_FALSE(Options::Parse(2, two).ok());
}

}  // namespace
}  // namespace cradle::daemon
