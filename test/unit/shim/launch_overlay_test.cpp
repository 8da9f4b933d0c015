#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>

#include "base/sys/socket.h"
#include "container/init/plan.h"
#include "launch_fixture.h"
#include "shim/launch_plan.h"

namespace cradle::shim {
namespace {

// The ways to tell overlayfs its layers: each kernel has its own best one, all must give the same
// root.
class OverlayTest : public LaunchTest, public testing::WithParamInterface<init::OverlayCall> {
 protected:
  container::LaunchPlan Layered(int count, const std::string& script) {
    container::LaunchPlan plan = Plan(script);
    for (int i = 0; i < count; ++i) {
      std::string layer =
          Host("layer:,\\" + std::to_string(i));  // characters that option strings trip over
      std::ofstream(layer + "/layer-" + std::to_string(i)) << i;
      std::ofstream(layer + "/same") << i << "\n";
      plan.lower_dirs.insert(plan.lower_dirs.begin(), layer);
    }
    return plan;
  }

  // As LaunchContainer does, from the given way on.
  Finished RunFrom(init::OverlayCall call, const container::LaunchPlan& plan) {
    Infra pod = Pod();
    InitPlan init(plan);
    if (plan.users) init.SetUserNamespace(pod.user_namespace, CLONE_NEWPID, FdRef());
    sys::SocketPair report = std::move(*sys::MakeSocketPair(SOCK_SEQPACKET));
    sys::Pipe gate = std::move(*sys::MakePipe()), out = std::move(*sys::MakePipe());
    EXPECT_TRUE(sys::SetNonblocking(report.first, true).ok());
    init::Plan& child = init.plan();
    child.overlay_call = call;
    child.namespaces_of = pod.pidfd.get();
    child.report = report.second.get();
    child.gate = gate.read.get();
    child.stdio[1] = child.stdio[2] = out.write.get();
    init.Finish();
    Launched launched;
    int pidfd = -1;
    launched.pid = init::Spawn(child, plan.users ? 0 : CLONE_NEWPID, -1, &pidfd);
    EXPECT_GT(launched.pid, 0);
    launched.pidfd = UniqueFd(pidfd);
    launched.report = std::move(report.first);
    launched.gate = std::move(gate.write);
    report.second.Reset();
    out.write.Reset();
    return Running(std::move(launched), UniqueFd(), std::move(out.read)).Finish();
  }
};

TEST_P(OverlayTest, GivesTheSameRoot) {
  container::LaunchPlan plan =
      Layered(3, "cat /same; ls / | grep -c ^layer-; echo mine >/same; umask");
  Finished finished = RunFrom(GetParam(), plan);
  EXPECT_EQ(finished.failure, "");
  EXPECT_EQ(finished.out, "2\n3\n0022\n");
  EXPECT_EQ(ReadText(plan.upper_dir + "/same"), "mine\n");
}

// Detached mounts of layers, and the copy of the mount namespace that kernels before 6.15 need.
TEST_P(OverlayTest, MapsTheLayersOfAPodWithAUserNamespace) {
  pause_plan.users = container::UserNamespace{{100000, 65536}, {200000, 65536}};
  container::LaunchPlan plan = InUserNamespace(
      Layered(3, "cat /same; ls / | grep -c ^layer-; stat -c %u:%g /same; echo mine >/same; stat -c %u:%g /same"));
  Finished finished = RunFrom(GetParam(), plan);
  EXPECT_EQ(finished.failure, "");
  EXPECT_EQ(finished.out, "2\n3\n0:0\n0:0\n");
  EXPECT_EQ(ReadText(plan.upper_dir + "/same"), "mine\n");
}

TEST_P(OverlayTest, TakesMoreLayersThanAnyImageHas) {
  Finished finished = RunFrom(GetParam(), Layered(130, "cat /same; ls / | grep -c ^layer-"));
  EXPECT_EQ(finished.failure, "");
  EXPECT_EQ(finished.out, "129\n130\n");
}

TEST_P(OverlayTest, IsVolatileOnlyWhenAsked) {
  for (bool wanted : {true, false}) {
    container::LaunchPlan plan = Layered(1, "grep -c -E 'volatile' /proc/self/mountinfo");
    plan.overlay_volatile = wanted;
    EXPECT_EQ(RunFrom(GetParam(), plan).out, wanted ? "1\n" : "0\n");
    std::filesystem::remove_all(plan.lower_dirs[0]);
  }
}

std::string NameOf(const testing::TestParamInfo<init::OverlayCall>& info) {
  static constexpr const char* kNames[] = {"Descriptors", "Names", "String", "Mount"};
  return kNames[static_cast<int>(info.param)];
}
INSTANTIATE_TEST_SUITE_P(Calls, OverlayTest,
                         testing::Values(init::OverlayCall::kDescriptors, init::OverlayCall::kNames,
                                         init::OverlayCall::kString, init::OverlayCall::kMount),
                         NameOf);

}  // namespace
}  // namespace cradle::shim
