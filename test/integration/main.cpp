#include <gtest/gtest.h>

#include "support/machine.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (!GTEST_FLAG_GET(list_tests)) cradle::test::EnterPrivateMachine();
  return RUN_ALL_TESTS();
}
