#include "sandbox/events.h"

#include <gtest/gtest.h>

namespace cradle::sandbox {
namespace {

constexpr int64_t kMinute = 60'000'000'000;

class EventsTest : public ::testing::Test {
 protected:
  void Tell(const std::string& id, int64_t at = 0) {
    events_.Tell([&] {
      Event event;
      event.id = id;
      event.at = at;
      return std::make_shared<const Event>(event);
    });
  }
  std::unique_ptr<Events::Watch> Listen(std::string& heard) {
    return events_.Listen([&](const EventPtr& event) { heard += event->id; });
  }

  Events events_;
};

TEST_F(EventsTest, EverybodyHearsEverythingInOrderUntilTheyLeave) {
  std::string a, b;
  auto first = Listen(a), second = Listen(b);
  Tell("1");
  Tell("2");
  first.reset();
  Tell("3");
  EXPECT_EQ(a, "12");
  EXPECT_EQ(b, "123");
}

TEST_F(EventsTest, NoChangeIsNoEvent) {
  std::string heard;
  auto watch = Listen(heard);
  events_.Tell([] { return EventPtr(); });
  EXPECT_EQ(heard, "");
}

TEST_F(EventsTest, TheUnheardIsKeptForOneListener) {
  std::string before, first, second;
  Listen(before);  // and gone
  Tell("1");
  Tell("2");
  auto a = Listen(first), b = Listen(second);
  Tell("3");
  EXPECT_EQ(first, "123");
  EXPECT_EQ(second, "3");
}

TEST_F(EventsTest, TheUnheardIsBoundedInNumberAndAge) {
  for (int i = 0; i < 1000; ++i) Tell("x", i);
  std::string many, aged;
  Listen(many);
  EXPECT_EQ(many.size(), 256u);
  Tell("a", 1 * kMinute);
  Tell("b", 6 * kMinute);
  Tell("c", 7 * kMinute);
  Listen(aged);
  EXPECT_EQ(aged, "bc");
}

}  // namespace
}  // namespace cradle::sandbox
