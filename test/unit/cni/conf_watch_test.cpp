#include "cni/conf_watch.h"

#include "base/sys/socket.h"
#include "fixture.h"

namespace cradle::cni {
namespace {

class ConfWatchTest : public testing::Test {
 protected:
  void Watch(const std::string& dir) {
    event_ = std::move(*sys::EventfdCreate());
    auto watch = ConfWatch::Start({dir}, [this] { sys::EventfdSignal(event_); });
    ASSERT_OK(watch);
    watch_ = std::move(*watch);
    EXPECT_TRUE(Noticed()) << "once at the start";
  }
  // Waits for the callback, and for those that the same change may cause.
  bool Noticed() {
    bool seen = *sys::PollReadable(event_, After(kLong));
    while (*sys::PollReadable(event_, After(milliseconds(20)))) sys::EventfdDrain(event_);
    return seen;
  }

  TempDir dir_;
  UniqueFd event_;
  std::unique_ptr<ConfWatch> watch_;
};

TEST_F(ConfWatchTest, FilesThatComeChangeAndGo) {
  Watch(dir_.path());
  Put(dir_.path() + "/a.conf", "1");
  EXPECT_TRUE(Noticed());
  auto file = sys::OpenAt(kCwd, dir_.path() + "/a.conf", O_WRONLY);
  EXPECT_TRUE(sys::WriteAll(*file, "22", 2).ok());
  file->Reset();
  EXPECT_TRUE(Noticed());
  EXPECT_TRUE(sys::UnlinkAt(kCwd, dir_.path() + "/a.conf", 0).ok());
  EXPECT_TRUE(Noticed());
  watch_->Ask();
  EXPECT_TRUE(Noticed());
}

TEST_F(ConfWatchTest, ADirectoryThatComesLateIsReplacedAndRemoved) {
  std::string conf = dir_.path() + "/etc/cni/net.d";
  Watch(conf);
  ASSERT_OK(sys::MakeDirs(conf, 0755));
  EXPECT_TRUE(Noticed());
  Put(conf + "/a.conf", "1");
  EXPECT_TRUE(Noticed());
  // Another one in its place.
  ASSERT_OK(sys::MakeDirs(dir_.path() + "/new", 0755));
  ASSERT_OK(sys::RenameAt(kCwd, conf, kCwd, dir_.path() + "/old"));
  EXPECT_TRUE(Noticed());
  ASSERT_OK(sys::RenameAt(kCwd, dir_.path() + "/new", kCwd, conf));
  EXPECT_TRUE(Noticed());
  Put(conf + "/b.conf", "1");
  EXPECT_TRUE(Noticed());
  // The directory above goes, and all comes back.
  ASSERT_OK(sys::RemoveTree(kCwd, dir_.path() + "/etc"));
  EXPECT_TRUE(Noticed());
  ASSERT_OK(sys::MakeDirs(conf, 0755));
  EXPECT_TRUE(Noticed());
  Put(conf + "/c.conf", "1");
  EXPECT_TRUE(Noticed());
}

}  // namespace
}  // namespace cradle::cni
