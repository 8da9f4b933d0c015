// What a shim leaves with pause, and who finds it there.
#include "shim/keep.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ids.h"
#include "base/sys/file.h"
#include "base/sys/process.h"

namespace cradle::shim {
namespace {

std::string ReadFrom(FdRef fd) {
  char text[64];
  auto got = sys::Read(fd, text, sizeof text);
  return got.ok() ? std::string(text, *got) : got.error().text();
}

TEST(Keep, HoldsByNameUntilItIsDropped) {
  Keep keep = Keep::Make().value();
  for (const char* name : {"a", "b", "c"}) {
    sys::Pipe pipe = sys::MakePipe().value();
    ASSERT_TRUE(sys::WriteAll(pipe.write, name, 1).ok());
    ASSERT_TRUE(keep.Put(name, Cat("of ", name), {pipe.read}).ok());
  }
  keep.Drop("b");
  keep.Drop("nothing");
  auto all = keep.Look().value();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all["a"].fields, "of a");
  ASSERT_EQ(all["c"].fds.size(), 1u);
  EXPECT_EQ(ReadFrom(all["c"].fds[0]), "c");
  EXPECT_EQ(keep.Look().value().size(), 2u) << "looking takes nothing";
  keep.Drop("a");
  keep.Drop("c");
  EXPECT_TRUE(keep.Look().value().empty());
}

TEST(Keep, OfTwoTheLaterHolds) {
  Keep keep = Keep::Make().value();
  for (const char* fields : {"old", "new"}) ASSERT_TRUE(keep.Put("a", fields, {}).ok());
  EXPECT_EQ(keep.Look().value()["a"].fields, "new");
  keep.Drop("a");
  EXPECT_TRUE(keep.Look().value().empty());
}

TEST(Keep, OutlivesWhoPutsAndEndsWithWhoHolds) {
  Keep keep = Keep::Make().value();
  sys::Pipe begun = sys::MakePipe().value();
  pid_t holder = ::fork();
  if (holder == 0) {
    ::dup2(keep.in().get(), 0);
    ::dup2(keep.out().get(), 1);
    (void)sys::CloseFrom(3);
    for (;;) ::pause();
  }
  begun.write.Reset();
  EXPECT_EQ(ReadFrom(begun.read), "") << "it has closed all else";
  UniqueFd pidfd = sys::PidfdOpen(holder).value();
  sys::Pipe pipe = sys::MakePipe().value();
  ASSERT_TRUE(keep.Put("a", "", {pipe.write}).ok());
  pipe.write.Reset();
  keep = Keep();
  {
    Keep successor = Keep::TakeFrom(pidfd).value();
    auto found = successor.Look().value();
    ASSERT_EQ(found["a"].fds.size(), 1u);
    ASSERT_TRUE(sys::WriteAll(found["a"].fds[0], "x", 1).ok());
    successor.Drop("b");
    ASSERT_TRUE(successor.Put("b", "", {}).ok());
    EXPECT_EQ(successor.Look().value().size(), 2u);
  }
  EXPECT_EQ(ReadFrom(pipe.read), "x");
  ASSERT_TRUE(sys::PidfdSendSignal(pidfd, SIGKILL).ok());
  ASSERT_EQ(::waitpid(holder, nullptr, 0), holder);
  EXPECT_EQ(ReadFrom(pipe.read), "") << "nobody holds the other end";
}

TEST(Keep, AContainerIsFoundAsItWas) {
  Keep keep = Keep::Make().value();
  sys::Pipe out = sys::MakePipe().value();
  Kept kept;
  kept.cgroup_v2 = "/group";
  kept.log_path = "/log";
  kept.oom_file = "/oom";
  kept.oom_below = kept.keep_stdin = true;
  kept.oom_baseline = 3;
  kept.view_places = {{"memory", "/m"}, {"unified", "/u"}};
  kept.user = {1, 2, {3, 4}};
  kept.pid = 7;
  kept.started_at = 11;
  kept.log_slot = 5;
  kept.pidfd = sys::PidfdOpen(sys::Getpid()).value();
  kept.out = sys::Dup(out.read).value();
  kept.err = sys::Dup(out.read).value();
  ASSERT_TRUE(kept.Put(keep, "c").ok());
  Kept found = Kept::From(std::move(keep.Look().value()["c"])).value();
  EXPECT_EQ(found.cgroup_v2 + found.log_path + found.oom_file, "/group/log/oom");
  EXPECT_TRUE(found.oom_below && found.keep_stdin && !found.stdin_once);
  EXPECT_EQ(found.oom_baseline, 3u);
  EXPECT_EQ(found.view_places, kept.view_places);
  EXPECT_EQ(found.user.groups, kept.user.groups);
  EXPECT_EQ(found.pid, 7);
  EXPECT_EQ(found.started_at, 11);
  EXPECT_EQ(found.log_slot, 5u);
  EXPECT_TRUE(found.pidfd.valid() && found.out.valid() && found.err.valid());
  EXPECT_FALSE(found.terminal.valid() || found.views.valid());
}

TEST(Keep, WhatIsDamagedIsRefused) {
  Keep keep = Keep::Make().value();
  ASSERT_TRUE(keep.Put("c", "nonsense", {}).ok());
  ASSERT_TRUE(keep.Put("d", "", {}).ok());
  auto all = keep.Look().value();
  EXPECT_FALSE(Kept::From(std::move(all["c"])).ok());
  EXPECT_FALSE(Kept::From(std::move(all["d"])).ok());
}

}  // namespace
}  // namespace cradle::shim
