#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <vector>

#include "base/map_together.h"

namespace cradle {
namespace {

TEST(ThreadPool, RunsAsManyAtOnceAsItsLimit) {
  std::latch all(4);  // four that wait for each other: fewer threads would hang
  ThreadPool pool("test", 4);  // after what its threads use: the first to go
  for (int i = 0; i < 4; ++i) pool.Post([&] { all.arrive_and_wait(); });
  all.wait();
}

TEST(ThreadPool, NeverMoreThanItsLimit) {
  std::atomic<int> now = 0, most = 0;
  {
    ThreadPool pool("test", 2);
    for (int i = 0; i < 200; ++i)
      pool.Post([&] {
        int at = ++now;
        for (int seen = most; at > seen && !most.compare_exchange_weak(seen, at);) {}
        --now;
      });
  }
  EXPECT_LE(most, 2);
  EXPECT_GE(most, 1);
}

TEST(ThreadPool, DestructorDrainsTheQueue) {
  std::atomic<int> ran = 0;
  { ThreadPool pool("test", 1); for (int i = 0; i < 50; ++i) pool.Post([&] { ++ran; }); }
  EXPECT_EQ(ran, 50);
}

TEST(ThreadPool, WaitIdleTellsWhetherWorkIsLeft) {
  std::promise<void> go;
  ThreadPool pool("test", 2);
  EXPECT_TRUE(pool.WaitIdle(After(seconds(20))));
  pool.Post([gone = go.get_future().share()] { gone.wait(); });
  EXPECT_FALSE(pool.WaitIdle(After(milliseconds(1))));
  go.set_value();
  EXPECT_TRUE(pool.WaitIdle(After(seconds(20))));
}

TEST(SerialQueue, KeepsOrderAndNeverOverlaps) {
  std::vector<int> order;  // no lock: the queue is the lock
  {
    ThreadPool pool("test", 8);
    auto queue = std::make_shared<SerialQueue>(pool);
    for (int i = 0; i < 1000; ++i) queue->Post([&order, i] { order.push_back(i); });
  }
  ASSERT_EQ(order.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(SerialQueue, OneThatWaitsDoesNotHoldAnother) {
  std::promise<void> go, done;  // before the pool: it is the first to go, and waits for those that use them
  ThreadPool pool("test", 8);
  auto slow = std::make_shared<SerialQueue>(pool), fast = std::make_shared<SerialQueue>(pool);
  slow->Post([gone = go.get_future().share()] { gone.wait(); });
  fast->Post([&] { done.set_value(); });
  done.get_future().wait();
  go.set_value();
}

TEST(MapTogether, EachIsDoneOnceAndComesInItsPlace) {
  ThreadPool pool("test", 4);
  std::vector<std::atomic<int>> calls(1000);
  auto squares = MapTogether(pool, calls.size(), [&](size_t i) {
    ++calls[i];
    return i * i;
  });
  ASSERT_EQ(squares.size(), calls.size());
  for (size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(calls[i], 1) << i;
    EXPECT_EQ(squares[i], i * i);
  }
  EXPECT_TRUE(MapTogether(pool, 0, [](size_t i) { return i; }).empty());
}

TEST(MapTogether, ABusyPoolDelaysNothing) {
  std::promise<void> gate;
  ThreadPool pool("test", 1);
  pool.Post([&] { gate.get_future().wait(); });
  EXPECT_EQ(MapTogether(pool, 100, [](size_t i) { return i; }).back(), 99u);
  gate.set_value();
}

}  // namespace
}  // namespace cradle
