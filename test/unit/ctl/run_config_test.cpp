#include "ctl/run_config.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace cradle::ctl {
namespace {

namespace pb = ::runtime::v1;

TEST(NameFromImage, KeepsItsLastPart) {
  EXPECT_EQ(NameFromImage("registry.local:5000/lib/busybox:1.36", "0123456789"), "busybox-012345");
  EXPECT_EQ(NameFromImage("nginx@sha256:abc", "0123456789"), "nginx-012345");
}

TEST(ContainerConfigFrom, Options) {
  RunOptions options;
  options.name = "web";
  options.env = {"A=b=c", "E="};
  options.mounts = {"/h:/c:ro", "/h:/d"};
  options.memory = "64Mi";
  options.cpus = "0.5";
  options.user = "1000:1001";
  options.command = {"sh", "-c", "x"};
  auto config = ContainerConfigFrom(options);
  ASSERT_TRUE(config.ok()) << config.error().text();
  EXPECT_EQ(config->envs(0).value(), "b=c");
  EXPECT_EQ(config->envs(1).value(), "");
  EXPECT_EQ(config->mounts(0).container_path(), "/c");
  EXPECT_TRUE(config->mounts(0).readonly());
  EXPECT_EQ(config->mounts(1).container_path(), "/d");
  EXPECT_FALSE(config->mounts(1).readonly());
  EXPECT_EQ(config->linux().resources().memory_limit_in_bytes(), 64 << 20);
  EXPECT_EQ(config->linux().resources().cpu_quota(), 50'000);
  EXPECT_EQ(config->linux().resources().cpu_shares(), 512);
  EXPECT_EQ(config->linux().security_context().run_as_user().value(), 1000);
  EXPECT_EQ(config->linux().security_context().run_as_group().value(), 1001);
  EXPECT_EQ(config->args_size(), 3);
  EXPECT_EQ(config->linux().security_context().seccomp().profile_type(),
            pb::SecurityProfile::RuntimeDefault);
}

TEST(ContainerConfigFrom, HidesWhatIsTheHostsButFromThePrivileged) {
  RunOptions options;
  auto config = ContainerConfigFrom(options);
  ASSERT_TRUE(config.ok()) << config.error().text();
  auto has = [](const auto& paths, const char* path) { return std::find(paths.begin(), paths.end(), path) != paths.end(); };
  EXPECT_TRUE(has(config->linux().security_context().masked_paths(), "/proc/kcore"));
  EXPECT_TRUE(has(config->linux().security_context().readonly_paths(), "/proc/sys"));
  options.privileged = true;
  auto privileged = ContainerConfigFrom(options);
  ASSERT_TRUE(privileged.ok());
  EXPECT_EQ(privileged->linux().security_context().masked_paths_size(), 0);
  EXPECT_EQ(privileged->linux().security_context().readonly_paths_size(), 0);
}

TEST(ContainerConfigFrom, NamesTheWrongOption) {
  auto error = [](auto set) {
    RunOptions options;
    set(options);
    auto config = ContainerConfigFrom(options);
    return config.ok() ? std::string() : config.error().text().substr(0, 10);
  };
  EXPECT_EQ(error([](auto& o) { o.env = {"NOT_SET_ANYWHERE_123"}; }), "--env NOT_");
  EXPECT_EQ(error([](auto& o) { o.mounts = {"/h"}; }), "--mount /h");
  EXPECT_EQ(error([](auto& o) { o.mounts = {"/h:/c:rx"}; }), "--mount /h");
  EXPECT_EQ(error([](auto& o) { o.memory = "64m"; }), "--memory: ");
  EXPECT_EQ(error([](auto& o) { o.cpus = "x"; }), "--cpus: \"x");
  EXPECT_EQ(error([](auto& o) { o.user = "a:b"; }), "--user a:b");
}

}  // namespace
}  // namespace cradle::ctl
