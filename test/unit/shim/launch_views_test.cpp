#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <thread>

#include "base/sys/file.h"
#include "base/sys/mount.h"
#include "base/sys/socket.h"
#include "launch_fixture.h"
#include "lxcfs/fuse.h"
#include "shim/launch_plan.h"

namespace cradle::shim {
namespace {

// A connection whose files hold their own numbers, served until it ends.
class Numbers {
 public:
  Numbers() {
    device_ = std::move(*sys::OpenAt(kCwd, "/dev/fuse", O_RDWR));
    mount_ = std::move(*sys::FsMount("fuse",
                                     {{"source", "numbers"},
                                      {"fd", std::to_string(device_.get())},
                                      {"rootmode", "40000"},
                                      {"user_id", "0"},
                                      {"group_id", "0"},
                                      {"allow_other", ""},
                                      {"default_permissions", ""}},
                                     MOUNT_ATTR_RDONLY));
    thread_ = std::thread([this] { Serve(); });
  }
  ~Numbers() {
    mount_.Reset();
    thread_.join();
  }
  FdRef mount() const { return mount_; }

 private:
  void Serve() {
    lxcfs::FuseServer server([](lxcfs::File file) { return std::to_string(static_cast<int>(file)) + "\n"; });
    std::string request(lxcfs::FuseServer::kRequestSize, 0), answer(lxcfs::FuseServer::kAnswerSize, 0);
    for (;;) {
      auto size = sys::Read(device_, request.data(), request.size());
      if (!size.ok() && size.error().err() == ENODEV) return;
      if (!size.ok()) continue;
      if (size_t due = server.Handle({request.data(), *size}, std::chrono::steady_clock::now(), answer.data()))
        (void)sys::Write(device_, answer.data(), due);
    }
  }
  UniqueFd device_, mount_;
  std::thread thread_;
};

class LaunchViews : public LaunchTest, public testing::WithParamInterface<bool> {
 protected:
  // As LaunchContainer does.
  Finished RunWithViews(const container::LaunchPlan& plan) {
    InitPlan init(plan);
    sys::SocketPair report = std::move(*sys::MakeSocketPair(SOCK_SEQPACKET));
    sys::Pipe gate = std::move(*sys::MakePipe()), out = std::move(*sys::MakePipe());
    EXPECT_TRUE(sys::SetNonblocking(report.first, true).ok());
    init::Plan& child = init.plan();
    child.namespaces_of = Pause().get();
    child.report = report.second.get();
    child.gate = gate.read.get();
    child.stdio[1] = child.stdio[2] = out.write.get();
    init.ShowViews(numbers_.mount());
    child.attach_views = GetParam();
    init.Finish();
    Launched launched;
    int pidfd = -1;
    launched.pid = init::Spawn(child, CLONE_NEWPID, -1, &pidfd);
    EXPECT_GT(launched.pid, 0);
    launched.pidfd = UniqueFd(pidfd);
    launched.report = std::move(report.first);
    launched.gate = std::move(gate.write);
    report.second.Reset();
    out.write.Reset();
    return Running(std::move(launched), UniqueFd(), std::move(out.read)).Finish();
  }
  container::LaunchPlan WithSys(const std::string& script) {
    container::LaunchPlan plan = Plan(script);
    plan.mounts.push_back(Mount(MountPlan::Kind::kSysfs, "/sys"));
    return plan;
  }

  Numbers numbers_;
};

TEST_P(LaunchViews, CoverTheKernelsFilesAndNothingElse) {
  Finished finished = RunWithViews(WithSys(
      "cat /proc/meminfo /proc/vmstat /sys/devices/system/cpu/possible; grep -c numbers /proc/self/mountinfo; "
      "grep -c . /proc/version; ls / | grep -c meminfo"));
  EXPECT_EQ(finished.failure, "");
  std::string placed = std::to_string(lxcfs::kFileCount - (sys::Exists(kCwd, "/proc/pressure/cpu") ? 0 : 3) -
                                      (sys::Exists(kCwd, "/proc/pressure/irq") ? 0 : 1));
  EXPECT_EQ(finished.out, "0\n7\n14\n" + placed + "\n1\n0\n");
}

TEST_P(LaunchViews, LeaveTheRequestsMountsAndTheMaskedAlone) {
  container::LaunchPlan plan = WithSys("cat /proc/meminfo; wc -c < /proc/vmstat; cat /proc/stat");
  Write("/mine", "mine\n");
  plan.mounts.push_back(Bind(Image("/mine"), "/proc/meminfo"));
  plan.masked_paths = {"/proc/vmstat"};
  EXPECT_EQ(RunWithViews(plan).out, "mine\n0\n2\n");
}

INSTANTIATE_TEST_SUITE_P(Attached, LaunchViews, testing::Bool());

}  // namespace
}  // namespace cradle::shim
