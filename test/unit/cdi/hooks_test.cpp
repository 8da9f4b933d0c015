#include "cdi/hooks.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "base/sys/file.h"
#include "base/sys/process.h"

namespace cradle::cdi {
namespace {

class CdiHooks : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/cradle-hooks-XXXXXX";
    root_ = ::mkdtemp(name);
    run_.bundle = root_ + "/bundle";
    run_.config = "{\"config\":1}";
    run_.state = "{\"state\":1}";
  }
  void TearDown() override {
    EXPECT_FALSE(std::filesystem::exists(run_.bundle));
    std::filesystem::remove_all(root_);
  }
  Hook Shell(const std::string& script) {
    return {kCreateContainer, "/bin/sh", {"sh", "-c", script}, {"PATH=/usr/bin:/bin", "ROOT=" + root_}, 0};
  }
  std::string Written(const std::string& name) {
    return sys::ReadFile(kCwd, root_ + "/" + name, 1 << 20).value_or("none");
  }

  std::string root_;
  HookRun run_;
};

TEST_F(CdiHooks, GetTheStateAndTheBundle) {
  Hook hook = Shell("cat > $ROOT/state; cat $ROOT/bundle/config.json > $ROOT/config; ls $ROOT/bundle/rootfs > $ROOT/files");
  auto ran = RunHooks({hook, Shell("echo second >> $ROOT/state")}, run_);
  ASSERT_TRUE(ran.ok()) << ran.error().text();
  EXPECT_EQ(Written("state"), "{\"state\":1}second\n");
  EXPECT_EQ(Written("config"), "{\"config\":1}");
  EXPECT_EQ(Written("files"), "");
}

TEST_F(CdiHooks, SeeTheContainersRootInANamespaceOfTheirOwn) {
  UniqueFd own = std::move(*sys::OpenAt(kCwd, "/proc/self/ns/mnt", O_RDONLY));
  run_.mount_namespace = own;
  std::string before = *sys::ReadFile(kCwd, "/proc/self/mountinfo", 8 << 20);
  auto ran = RunHooks({Shell("test -e $ROOT/bundle/rootfs$ROOT && readlink /proc/self/ns/mnt > $ROOT/namespace && "
                             "echo made > $ROOT/bundle/rootfs$ROOT/made")},
                      run_);
  ASSERT_TRUE(ran.ok()) << ran.error().text();
  EXPECT_EQ(Written("made"), "made\n");
  EXPECT_NE(Written("namespace"), std::filesystem::read_symlink("/proc/self/ns/mnt").string() + "\n");
  EXPECT_EQ(*sys::ReadFile(kCwd, "/proc/self/mountinfo", 8 << 20), before);
}

TEST_F(CdiHooks, TheFirstThatFailsEndsThem) {
  auto ran = RunHooks({Shell("echo no such library >&2; exit 3"), Shell("echo > $ROOT/second")}, run_);
  ASSERT_FALSE(ran.ok());
  EXPECT_EQ(ran.error().text(), "CDI hook createContainer /bin/sh: exited with 3; it said: no such library");
  EXPECT_EQ(Written("second"), "none");
}

TEST_F(CdiHooks, AreKilledAtTheirTimeout) {
  Hook hook = Shell("echo waiting >&2; sleep 1000 & wait");
  hook.timeout_seconds = 3;  // to say so much, also on a machine that is busy
  auto ran = RunHooks({hook}, run_);
  ASSERT_FALSE(ran.ok());
  EXPECT_EQ(ran.error().code(), Code::kDeadlineExceeded);
  EXPECT_NE(ran.error().text().find("it said: waiting"), std::string::npos) << ran.error().text();
}

TEST_F(CdiHooks, OneThatIsntThereIsAnError) {
  Hook hook = Shell("");
  hook.path = "/nowhere/hook";
  auto ran = RunHooks({hook}, run_);
  ASSERT_FALSE(ran.ok());
  EXPECT_NE(ran.error().text().find("CDI hook createContainer /nowhere/hook"), std::string::npos) << ran.error().text();
}

}  // namespace
}  // namespace cradle::cdi
