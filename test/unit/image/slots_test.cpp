#include "image/slots.h"

#include <gtest/gtest.h>

#include <memory>

namespace cradle::image {
namespace {

using Slot = DownloadSlots::Slot;

// Whether it has its turn, without waiting for it.
bool HasTurn(Slot& slot) {
  std::stop_source stop;
  stop.request_stop();
  return slot.Wait(stop.get_token()).ok();
}

TEST(DownloadSlots, AreLimitedPerRegistryAndInAll) {
  DownloadSlots slots(3, 2);
  auto a1 = std::make_unique<Slot>(slots, "a");
  auto a2 = std::make_unique<Slot>(slots, "a");
  Slot a3(slots, "a");
  EXPECT_TRUE(HasTurn(*a1));
  EXPECT_TRUE(HasTurn(*a2));
  EXPECT_FALSE(HasTurn(a3)) << "two of one registry";
  Slot b1(slots, "b"), b2(slots, "b");
  EXPECT_TRUE(HasTurn(b1)) << "passes the one that waits for its registry";
  EXPECT_FALSE(HasTurn(b2)) << "three in all";
  a1.reset();
  EXPECT_TRUE(HasTurn(a3)) << "first come, first served";
  EXPECT_FALSE(HasTurn(b2));
  a2.reset();
  EXPECT_TRUE(HasTurn(b2));
}

TEST(DownloadSlots, WhoeverGivesUpHoldsNobodyUp) {
  DownloadSlots slots(1, 1);
  auto first = std::make_unique<Slot>(slots, "a");
  auto second = std::make_unique<Slot>(slots, "a");
  Slot third(slots, "a");
  EXPECT_FALSE(HasTurn(*second));
  second.reset();
  first.reset();
  EXPECT_TRUE(HasTurn(third));
}

}  // namespace
}  // namespace cradle::image
