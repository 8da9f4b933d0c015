// The systemd driver: skipped where cgroupfs is the one (support/machine.h).
#include <sys/mount.h>
#include <sys/socket.h>

#include <filesystem>
#include <future>

#include "base/sys/socket.h"
#include "support/node_test.h"

namespace cradle::test {
namespace {

namespace fs = std::filesystem;

class SystemdDriver : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    if (!UsesSystemd()) GTEST_SKIP() << "the driver here is cgroupfs";
  }
  static v1::PodSandboxConfig InSlice(const std::string& slice) {
    auto config = PodConfig("pod");
    config.mutable_linux()->set_cgroup_parent(slice);
    return config;
  }
};

// In place of systemd's private socket, one that takes connections and says nothing.
class HungSystemd {
 public:
  HungSystemd() : socket_(*sys::ListenUnix(dir_.path() + "/hung", SOCK_STREAM, 16)) {
    EXPECT_EQ(::mount((dir_.path() + "/hung").c_str(), kPrivate, nullptr, MS_BIND, nullptr), 0);
  }
  ~HungSystemd() { EXPECT_EQ(::umount2(kPrivate, MNT_DETACH), 0); }

 private:
  static constexpr char kPrivate[] = "/run/systemd/private";
  TempDir dir_;
  UniqueFd socket_;
};

TEST_F(SystemdDriver, GivesEachPodOneScopeInItsSlice) {
  auto config = Must(CRI_CALL(RuntimeConfig, v1::RuntimeConfigRequest()));
  EXPECT_EQ(config.linux().cgroup_driver(), v1::SYSTEMD);
  std::string pod = RunPod(InSlice("/cradletest.slice/cradletest-pod1.slice"));
  std::string container = StartNew(pod, Sleeper("c"));
  std::string slice = "/cradletest.slice/cradletest-pod1.slice";
  std::string scope = slice + "/cradle-" + pod + ".scope";
  EXPECT_EQ(CgroupOf(container), scope + "/" + container);
  EXPECT_EQ(ReadText("/proc/" + std::to_string(PidOf(container)) + "/cgroup"), "0::" + scope + "/" + container + "\n");
  EXPECT_EQ(ReadText("/sys/fs/cgroup" + slice + "/cgroup.procs"), "");
  EXPECT_EQ(ReadText("/sys/fs/cgroup" + scope + "/cgroup.procs"), "");
  StopPod(pod);
  EXPECT_FALSE(fs::exists("/sys/fs/cgroup" + scope));
}

TEST_F(SystemdDriver, RefusesWhatIsNoSlice) {
  auto reply = TryRunPod(InSlice("/kubepods/pod1"));
  EXPECT_EQ(reply.code(), grpc::INVALID_ARGUMENT);
  EXPECT_NE(reply.text().find("linux.cgroup_parent: \"/kubepods/pod1\""), std::string::npos) << reply.text();
}

TEST_F(SystemdDriver, OneThatHangsCostsTheStartsAnErrorAndHealsByItself) {
  std::string pod = RunPod(PodConfig("before"));
  std::string container = StartNew(pod, Sleeper("c"));
  Remember();
  KillDaemon();
  StartDaemon();  // which has no connection yet
  {
    HungSystemd hung;
    auto failed = std::async(std::launch::async, [&] { return TryRunPod(PodConfig("during")); });
    EXPECT_EQ(Pods().size(), 1u);
    EXPECT_EQ(StatusOf(container).state(), v1::CONTAINER_RUNNING);
    EXPECT_EQ(Exec(container, {"echo", "yes"}).stdout(), "yes\n");
    EXPECT_EQ(failed.wait_for(std::chrono::seconds(0)), std::future_status::timeout) << "all that while it waits";
    auto reply = failed.get();
    EXPECT_EQ(reply.code(), grpc::DEADLINE_EXCEEDED) << reply.text();
    EXPECT_NE(reply.text().find("systemd: no answer in time"), std::string::npos) << reply.text();
  }
  RunPod(PodConfig("after"));
}

}  // namespace
}  // namespace cradle::test
