#include "sandbox/views.h"

#include <gtest/gtest.h>

namespace cradle::sandbox {
namespace {

using container::Views;

Views WithDefault(Views views, const PodSpec& spec) { return ViewsOf({{"", {views}}}, spec); }

TEST(ViewsOf, ThePodMayTurnThemOffAndOn) {
  PodSpec spec;
  EXPECT_EQ(WithDefault(Views::kLimited, spec), Views::kLimited);
  spec.annotations[kViewsAnnotation] = kViewsOff;
  EXPECT_EQ(WithDefault(Views::kLimited, spec), Views::kOff);
  EXPECT_EQ(WithDefault(Views::kAll, spec), Views::kOff);
  spec.annotations[kViewsAnnotation] = kViewsOn;
  EXPECT_EQ(WithDefault(Views::kLimited, spec), Views::kAsked);
  EXPECT_EQ(WithDefault(Views::kOff, spec), Views::kOff);  // the node says so
}

TEST(ViewsOf, AreThePodsHandlers) {
  const std::map<std::string, Handler> handlers = {{"", {Views::kLimited}}, {"plain", {Views::kOff}}};
  PodSpec spec;
  EXPECT_EQ(ViewsOf(handlers, spec), Views::kLimited);
  spec.handler = "plain";
  EXPECT_EQ(ViewsOf(handlers, spec), Views::kOff);
  spec.annotations[kViewsAnnotation] = kViewsOn;
  EXPECT_EQ(ViewsOf(handlers, spec), Views::kOff);
  spec.handler = "taken-out-since";
  EXPECT_EQ(ViewsOf(handlers, spec), Views::kAsked);
}

const ContainerId kMine(std::string(64, 'a'));
const std::string kLines =
    "36 35 98:0 / / rw - overlay overlay rw\n"
    "40 36 0:51 /meminfo /proc/meminfo ro,nosuid,nodev,noexec - fuse.cradle cradle:" + std::string(64, 'b') + " ro\n"
    "41 36 0:47 /meminfo /proc/meminfo ro,nosuid,nodev,noexec - fuse.cradle cradle:" + std::string(64, 'a') + " ro\n"
    "42 36 0:48 / /mnt/0:9 rw - fuse.sshfs host:/ rw\n";

TEST(FindViews, FindsTheContainersOwnConnection) {
  EXPECT_EQ(FindViews(kLines, kMine), 47u);
  EXPECT_EQ(FindViews(kLines, ContainerId(std::string(64, 'b'))), 51u);
}

TEST(FindViews, FindsNoOther) {
  EXPECT_FALSE(FindViews(kLines, ContainerId(std::string(64, 'c'))));
  EXPECT_FALSE(FindViews("", kMine));
  EXPECT_FALSE(FindViews("41 36 8:1 / /x rw - fuse.cradle cradle:" + kMine.str() + " ro\n", kMine));
  EXPECT_FALSE(FindViews("41 36 0:47 / /x rw - fuse.sshfs cradle:" + kMine.str() + " ro\n", kMine));
}

}  // namespace
}  // namespace cradle::sandbox
