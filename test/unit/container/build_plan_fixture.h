// BuildPlan: a container of an image with two layers, changed by each test, and the plan that comes of it.
#pragma once

#include <gtest/gtest.h>

#include "container/build_plan.h"

namespace cradle::container {

inline constexpr uint64_t kEveryCap = (uint64_t{1} << 41) - 1;

// Says what it was asked for.
class NamingSeccomp final : public SeccompCache {
 public:
  Result<std::string> RuntimeDefault(uint64_t caps) override { return "default " + std::to_string(caps); }
  Result<std::string> Localhost(const std::string& path, uint64_t caps) override {
    return Cat("file ", path, " ", std::to_string(caps));
  }
};

class BuildPlan : public testing::Test {
 protected:
  BuildPlan() {
    record_.id = ContainerId(std::string(64, 'a'));
    record_.image = {.id = "sha256:1", .ref = "r", .config = {}, .layer_dirs = {"/layers/2/fs", "/layers/1/fs"}};
    record_.image.config.entrypoint = {"/entry", "-x"};
    record_.image.config.cmd = {"serve"};
    node_.bounding_caps = kEveryCap;
    pod_.hostname = "web-0";
  }

  Result<LaunchPlan> Plan() { return BuildLaunchPlan(record_, pod_, node_, places_, seccomp_); }
  LaunchPlan Good() {
    auto plan = Plan();
    EXPECT_TRUE(plan.ok()) << plan.error().text();
    return plan.ok() ? std::move(*plan) : LaunchPlan();
  }
  void ExpectRefused(Code code, const std::string& text) {
    const auto plan = Plan();
    ASSERT_FALSE(plan.ok()) << "not refused: " << text;
    EXPECT_EQ(plan.error().code(), code);
    EXPECT_NE(plan.error().text().find(text), std::string::npos) << plan.error().text();
  }

  ContainerSpec& spec() { return record_.spec; }
  SecuritySpec& security() { return record_.spec.security; }
  image::ImageConfig& image() { return record_.image.config; }

  ContainerRecord record_;
  PodContext pod_;
  NodeFacts node_;
  Places places_;
  NamingSeccomp seccomp_;
};

}  // namespace cradle::container
