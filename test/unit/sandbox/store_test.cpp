#include "sandbox/store.h"

#include <gtest/gtest.h>

namespace cradle::sandbox {
namespace {

class StoreTest : public ::testing::Test {
 protected:
  PodRef MakePod(const std::string& id, const std::string& name) {
    PodRecord record;
    record.id = PodId(id);
    record.spec.name = name;
    record.spec.name_space = "ns";
    record.spec.uid = "uid";
    return std::make_shared<Pod>(record, pool_);
  }
  ContainerRef MakeContainer(const PodRef& pod, const std::string& id, const std::string& name) {
    auto record = std::make_shared<container::ContainerRecord>();
    record->id = ContainerId(id);
    record->pod = pod->id();
    record->spec.name = name;
    return std::make_shared<Container>(pod, record);
  }

  ThreadPool pool_{"test", 1};
  Store store_;
};

TEST_F(StoreTest, SecondPodWithTheSameKeyIsToldOfTheFirst) {
  PodRef first = MakePod("aa01", "web"), second = MakePod("bb02", "web");
  EXPECT_EQ(store_.ReservePod(first->record().spec.Key(), first), nullptr);
  EXPECT_EQ(store_.ReservePod(second->record().spec.Key(), second), first);
  store_.ErasePod(*first);
  EXPECT_EQ(store_.ReservePod(second->record().spec.Key(), second), nullptr);
}

TEST_F(StoreTest, JoinersAreAnsweredOnceAndOnlyWhileItIsMade) {
  PodRef pod = MakePod("aa01", "web");
  store_.ReservePod("key", pod);
  int answers = 0;
  EXPECT_TRUE(store_.JoinPod(pod->id(), [&](Result<PodId>) { ++answers; }));
  EXPECT_TRUE(store_.JoinPod(pod->id(), [&](Result<PodId>) { ++answers; }));
  for (auto& joined : store_.FinishPod(pod->id())) joined(pod->id());
  EXPECT_EQ(answers, 2);
  EXPECT_FALSE(store_.JoinPod(pod->id(), [&](Result<PodId>) { ++answers; }));
  EXPECT_TRUE(store_.FinishPod(pod->id()).empty());
}

TEST_F(StoreTest, PodBeingMadeIsNotListedNorFound) {
  PodRef pod = MakePod("aa01", "web");
  store_.ReservePod("key", pod);
  EXPECT_TRUE(store_.Pods().empty());
  EXPECT_EQ(store_.FindPod("aa01").error().code(), Code::kNotFound);
  EXPECT_EQ(store_.PodById(PodId("aa01")), pod);
  pod->SetPhase(Pod::Phase::kReady);
  EXPECT_EQ(store_.Pods().size(), 1u);
  EXPECT_EQ(store_.FindPod("aa").value(), pod);
}

TEST_F(StoreTest, PrefixMustBeUniqueAndHex) {
  for (const char* id : {"aa01", "aa02", "bb"}) {
    PodRef pod = MakePod(id, id);
    store_.AddRecoveredPod(pod);
    pod->SetPhase(Pod::Phase::kNotReady);
  }
  EXPECT_EQ(store_.FindPod("aa").error().code(), Code::kInvalidArgument);
  EXPECT_EQ(store_.FindPod("aa02").value()->id().str(), "aa02");
  EXPECT_EQ(store_.FindPod("b").value()->id().str(), "bb");
  for (const char* none : {"cc", "", "../etc", "AA"})
    EXPECT_EQ(store_.FindPod(none).error().code(), Code::kNotFound) << none;
}

TEST_F(StoreTest, ContainersOfOnePodOnly) {
  PodRef one = MakePod("aa01", "one"), other = MakePod("aa02", "other");
  auto a = MakeContainer(one, "c1", "x"), b = MakeContainer(other, "c2", "x");
  EXPECT_EQ(store_.ReserveContainer(a), nullptr);
  EXPECT_EQ(store_.ReserveContainer(b), nullptr);
  EXPECT_EQ(store_.ReserveContainer(MakeContainer(one, "c3", "x")), a);
  EXPECT_EQ(store_.ContainersOf(one->id()), std::vector<ContainerRef>{a});
  EXPECT_TRUE(store_.Containers().empty());
  store_.ShowContainer(*a);
  EXPECT_EQ(store_.Containers(), std::vector<ContainerRef>{a});
  store_.EraseContainer(*a);
  EXPECT_TRUE(store_.Containers().empty());
  EXPECT_EQ(store_.FindContainer("c1").error().code(), Code::kNotFound);
}

TEST_F(StoreTest, ExitIsSetOnceAndWakesWhoeverWaits) {
  auto one = MakeContainer(MakePod("aa", "p"), "c1", "x");
  EXPECT_FALSE(one->WaitExited(After(milliseconds(0))));
  int told = 0;
  one->OnExit([&] { ++told; });
  shim::ExitInfo info;
  info.exit_code = 42;
  info.finished_at = 5;
  EXPECT_TRUE(one->SetExited(ExitFrom(info)));
  one->WakeWaiters();
  info.exit_code = 1;
  EXPECT_FALSE(one->SetExited(ExitFrom(info)));
  one->OnExit([&] { ++told; });
  EXPECT_EQ(told, 2);
  EXPECT_TRUE(one->WaitExited(After(milliseconds(0))));
  EXPECT_EQ(one->view()->exit.exit_code, 42);
  EXPECT_EQ(one->view()->exit.reason, "Error");
  EXPECT_FALSE(one->ChangeFrom(State::kCreated, [](ContainerView& view) { view.state = State::kRunning; }));
}

TEST(ExitFrom, ReasonsAsTheKubeletKnowsThem) {
  shim::ExitInfo info;
  EXPECT_EQ(ExitFrom(info).reason, "Completed");
  info.oom_killed = true;  // a child was hit, the main process survived and ended well
  EXPECT_EQ(ExitFrom(info).reason, "OOMKilled");
  info.oom_killed = false;
  info.start_failed = true;
  info.exit_code = 128;
  EXPECT_EQ(ExitFrom(info).reason, "StartError");
  EXPECT_EQ(UnknownExit(3).exit_code, 255);
}

}  // namespace
}  // namespace cradle::sandbox
