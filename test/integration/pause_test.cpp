// Pods whose containers share a pid namespace: its PID 1 is seen by all of them.
#include <unistd.h>

#include "support/node_test.h"

namespace cradle::test {
namespace {

class SharedProcesses : public NodeTest {
 protected:
  // With the usual grant for debuggers: may do to PID 1 whatever PID 1 may do.
  static v1::ContainerConfig Tracer() {
    auto config = Sleeper("tracer");
    auto* security = config.mutable_linux()->mutable_security_context();
    security->mutable_capabilities()->add_add_capabilities("SYS_PTRACE");
    return config;
  }
  std::string Out(const std::string& container, const std::string& script) {
    auto answer = Exec(container, {"sh", "-c", script});
    return answer.stdout() + answer.stderr();
  }
};

TEST_F(SharedProcesses, ATracerFindsNothingInPidOne) {
  std::string tracer = StartNew(RunPod(PodConfig("pod")), Tracer());
  ASSERT_EQ(Out(tracer, "cat /proc/1/comm"), "cradle-pause\n");
  EXPECT_EQ(Out(tracer, "grep -c '^Cap.*0000000000000000$' /proc/1/status"), "5\n");
  EXPECT_EQ(Out(tracer, "grep ^Uid: /proc/1/status"), "Uid:\t65535\t65535\t65535\t65535\n");
  // AppArmor's profile refuses to look, and says so on standard error.
  for (const char* look : {"ls -A /proc/1/fd", "ls -A /proc/1/root", "cat /proc/1/environ"})
    EXPECT_EQ(Exec(tracer, {"sh", "-c", look}).stdout(), "") << look;
}

// What a shim's successor relies on is held by another process.
TEST_F(SharedProcesses, PauseItselfIsNotSeen) {
  std::string pod = RunPod(PodConfig("pod"));
  std::string tracer = StartNew(pod, Tracer());
  EXPECT_EQ(Out(tracer, "grep -l cradle-pause /proc/[0-9]*/comm"), "/proc/1/comm\n");
  EXPECT_EQ(Out(tracer, "cat /proc/1/mountinfo | wc -l"), "1\n") << "the pod's shared memory";
}

// A tracer sees it in what the shim starts.
TEST_F(SharedProcesses, TheShimsProgramCannotBeWrittenTo) {
  pid_t shim = ShimOf(RunPod(PodConfig("pod")));
  std::string process = "/proc/" + std::to_string(shim);
  EXPECT_EQ(access((process + "/exe").c_str(), W_OK), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(ReadText(process + "/comm"), "cradle-shim\n");
  EXPECT_TRUE(ReadText(process + "/cmdline").starts_with(std::string("cradle-shim\0--pod", 17)));
}

}  // namespace
}  // namespace cradle::test
