#include "cgroups/systemd.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/sys/file.h"
#include "cgroups/v2_systemd.h"
#include "fake_systemd.h"

namespace cradle::cgroups {
namespace {

constexpr milliseconds kLong{60'000};
constexpr milliseconds kShort{300};  // how long a manager that hangs is waited for
using Mood = FakeSystemd::Mood;

class SystemdTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/systemd-test-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    dir_ = name;
    socket_ = dir_ + "/private";
    auto systemd = Systemd::Open("unix:path=" + socket_);
    ASSERT_TRUE(systemd.ok()) << systemd.error().text();
    systemd_ = std::move(*systemd);
    fake_ = std::make_unique<FakeSystemd>(socket_);
  }
  void TearDown() override {
    systemd_.reset();
    fake_.reset();
    EXPECT_TRUE(sys::RemoveTree(kCwd, dir_).ok());
  }
  Result<> Start(const std::string& unit = "cradle-1.scope", milliseconds patience = kLong) {
    return systemd_->StartScope({unit, "kubepods.slice", "a pod", 4711}, After(patience));
  }
  Code CodeOf(const Result<>& result) { return result.ok() ? Code{} : result.error().code(); }

  std::string dir_, socket_;
  std::unique_ptr<Systemd> systemd_;
  std::unique_ptr<FakeSystemd> fake_;
};

TEST_F(SystemdTest, AScopeIsDelegatedAndInItsSlice) {
  auto started = Start();
  ASSERT_TRUE(started.ok()) << started.error().text();
  ASSERT_EQ(fake_->Calls().size(), 1u);
  std::string call = fake_->Calls()[0];
  EXPECT_EQ(call.find("cradle-1.scope "), 0u);
  for (const char* part : {" Slice=kubepods.slice", " PIDs=4711", " Delegate=yes", " Description=a pod",
                           " TasksMax=18446744073709551615", " CollectMode=inactive-or-failed"})
    EXPECT_NE(call.find(part), std::string::npos) << part << " in " << call;
}

TEST_F(SystemdTest, ManyCallsShareOneConnection) {
  std::vector<std::thread> callers;
  std::atomic<int> done = 0;
  for (int i = 0; i < 8; ++i)
    callers.emplace_back([&, i] {
      for (int k = 0; k < 5; ++k)
        done += Start(Cat("cradle-", std::to_string(i * 10 + k), ".scope")).ok();
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(done, 40);
  EXPECT_EQ(fake_->connections(), 1);
}

TEST_F(SystemdTest, WhatItRefusesIsTold) {
  fake_->SetMood(Mood::kRefusing);
  auto refused = Start();
  EXPECT_EQ(CodeOf(refused), Code::kAlreadyExists);
  EXPECT_NE(refused.error().text().find("Unit cradle-1.scope already exists."), std::string::npos);
  fake_->SetMood(Mood::kFailingJobs);
  auto failed = Start();
  EXPECT_EQ(CodeOf(failed), Code::kInternal);
  EXPECT_NE(failed.error().text().find("cradle-1.scope: failed"), std::string::npos);
}

TEST_F(SystemdTest, OneThatHangsCostsTheDeadlineAndHealsByItself) {
  ASSERT_TRUE(Start().ok());
  fake_->SetMood(Mood::kHanging);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(CodeOf(Start("cradle-2.scope", kShort)), Code::kDeadlineExceeded);
  fake_->SetMood(Mood::kWorking);
  auto started = Start("cradle-3.scope");
  EXPECT_TRUE(started.ok()) << started.error().text();
  EXPECT_GE(fake_->connections(), 2) << "the connection that said nothing is given up";
}

TEST_F(SystemdTest, OneThatHangsFromTheBeginningToo) {
  fake_->SetMood(Mood::kHanging);
  EXPECT_EQ(CodeOf(Start("cradle-1.scope", kShort)), Code::kDeadlineExceeded);
  fake_->SetMood(Mood::kWorking);
  EXPECT_TRUE(Start("cradle-2.scope").ok());
}

TEST_F(SystemdTest, OneThatDiesIsFoundAgain) {
  ASSERT_TRUE(Start().ok());
  fake_.reset();
  EXPECT_EQ(CodeOf(Start()), Code::kUnavailable);
  fake_ = std::make_unique<FakeSystemd>(socket_);
  EXPECT_TRUE(Start().ok());
}

TEST_F(SystemdTest, OneThatDiesInTheMiddleIsToldAtOnce) {
  fake_->SetMood(Mood::kHanging);
  Result<> started;
  std::thread caller([&] { started = Start(); });
  while (fake_->connections() == 0) std::this_thread::yield();
  fake_.reset();
  caller.join();
  EXPECT_EQ(CodeOf(started), Code::kUnavailable);
}

TEST_F(SystemdTest, EndingAnswersWhoWaits) {
  fake_->SetMood(Mood::kHanging);
  Result<> started;
  std::thread caller([&] { started = Start(); });
  while (fake_->connections() == 0) std::this_thread::yield();
  systemd_.reset();
  caller.join();
  EXPECT_EQ(CodeOf(started), Code::kUnavailable);
}

TEST(SlicePath, DashesAreLevels) {
  EXPECT_EQ(SlicePath("kubepods.slice"), "/kubepods.slice");
  EXPECT_EQ(SlicePath("kubepods-burstable-podab_1.slice"),
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podab_1.slice");
  EXPECT_EQ(SlicePath("-.slice"), "");
  for (const char* bad : {"", ".slice", "a", "a.scope", "-a.slice", "a-.slice", "a--b.slice", "a/b.slice", "a b.slice"})
    EXPECT_FALSE(SlicePath(bad)) << bad;
}

}  // namespace
}  // namespace cradle::cgroups
