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

// An image of three layers, as a volume.
class ImageTest : public OverlayTest {
 protected:
  container::LaunchPlan WithImage(const std::string& path, const std::string& script) {
    container::LaunchPlan plan = Plan(script);
    MountPlan image = Mount(MountPlan::Kind::kImage, "/img");
    image.readonly = image.nodev = true;
    image.image_path = path;
    for (int i = 0; i < 3; ++i) {
      std::string layer = Host("image-" + std::to_string(i));
      std::filesystem::create_directories(layer + "/etc/sub");
      std::ofstream(layer + "/etc/from-" + std::to_string(i)) << i;
      std::ofstream(layer + "/etc/same") << i << "\n";
      image.layers.insert(image.layers.begin(), layer);
    }
    std::filesystem::create_symlink("/etc", image.layers[0] + "/link");
    std::filesystem::create_symlink("../../../../../../etc", image.layers[1] + "/out");
    plan.mounts.push_back(image);
    return plan;
  }
};

TEST_P(ImageTest, IsOneReadOnlyTree) {
  Finished finished = RunFrom(GetParam(), WithImage("/", "cd /img; ls etc; cat etc/same; touch etc/new 2>&1"));
  EXPECT_EQ(finished.failure, "");
  EXPECT_EQ(finished.out, "from-0\nfrom-1\nfrom-2\nsame\nsub\n2\ntouch: etc/new: Read-only file system\n");
}

TEST_P(ImageTest, APartOfItIsMounted) {
  for (const char* path : {"/etc", "/link", "/out"}) {
    container::LaunchPlan plan = WithImage(path, "ls /img; touch /img/new 2>&1");
    Finished finished = RunFrom(GetParam(), plan);
    EXPECT_EQ(finished.failure, "") << path;
    EXPECT_EQ(finished.out,
              "from-0\nfrom-1\nfrom-2\nsame\nsub\ntouch: /img/new: Read-only file system\n") << path;
    for (const std::string& layer : plan.mounts.back().layers) std::filesystem::remove_all(layer);
  }
  Finished file = RunFrom(GetParam(), WithImage("/etc/same", "cat /img"));
  EXPECT_EQ(file.failure, "");
  EXPECT_EQ(file.out, "2\n");
}

TEST_P(ImageTest, AMissingPartIsNamed) {
  Finished finished = RunFrom(GetParam(), WithImage("/etc/none", "true"));
  EXPECT_EQ(finished.failure,
            "ImageVolumeMountFailed: mount at \"/img\": image_sub_path \"etc/none\" doesn't exist in the image");
  EXPECT_EQ(finished.failure_code, Code::kInvalidArgument);
}

TEST_P(ImageTest, OneLayerIsMountedAsItIs) {
  for (const char* path : {"/", "/etc"}) {
    container::LaunchPlan plan = WithImage(path, "cat /img/same /img/etc/same 2>/dev/null; touch /img/new 2>&1");
    for (int i : {2, 1}) std::filesystem::remove_all(plan.mounts.back().layers[static_cast<size_t>(i)]);
    plan.mounts.back().layers.resize(1);
    Finished finished = RunFrom(GetParam(), plan);
    EXPECT_EQ(finished.failure, "");
    EXPECT_EQ(finished.out, "2\ntouch: /img/new: Read-only file system\n");
    std::filesystem::remove_all(plan.mounts.back().layers[0]);
  }
}

TEST_P(ImageTest, BelongsToTheRootOfAUserNamespace) {
  pause_plan.users = container::UserNamespace{{100000, 65536}, {200000, 65536}};
  for (const char* path : {"/", "/etc"}) {
    container::LaunchPlan plan = InUserNamespace(WithImage(path, "stat -c %u:%g /img /img/sub /img/etc/sub 2>/dev/null; cat /same"));
    // Also with the container's root on the same layer.
    std::ofstream(plan.mounts.back().layers[0] + "/same") << "shared\n";
    plan.lower_dirs.insert(plan.lower_dirs.begin(), plan.mounts.back().layers[0]);
    Finished finished = RunFrom(GetParam(), plan);
    EXPECT_EQ(finished.failure, "");
    EXPECT_EQ(finished.out, "0:0\n0:0\nshared\n");
    for (const std::string& layer : plan.mounts.back().layers) std::filesystem::remove_all(layer);
  }
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
INSTANTIATE_TEST_SUITE_P(Calls, ImageTest,
                         testing::Values(init::OverlayCall::kDescriptors, init::OverlayCall::kNames,
                                         init::OverlayCall::kString, init::OverlayCall::kMount),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Calls, OverlayTest,
                         testing::Values(init::OverlayCall::kDescriptors, init::OverlayCall::kNames,
                                         init::OverlayCall::kString, init::OverlayCall::kMount),
                         NameOf);

}  // namespace
}  // namespace cradle::shim
