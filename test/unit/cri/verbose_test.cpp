#include "cri/verbose.h"

#include <nlohmann/json.hpp>

#include "cri/convert_container.h"
#include "cri/convert_pod.h"
#include "cri/describe_config.h"
#include "cri/go_json.h"
#include "fakes.h"
#include "text.h"

namespace cradle::cri {
namespace {

namespace pb = ::runtime::v1;
using nlohmann::json;

constexpr char kContainer[] = R"(
  metadata { name: 'main' attempt: 2 }
  image { image: 'sha256:abc' user_specified_image: 'busybox:1' }
  command: 'sh' args: '-c' args: 'true' working_dir: '/work'
  envs { key: 'A' value: 'b=c' }
  mounts { container_path: '/c' host_path: '/h' readonly: true propagation: PROPAGATION_HOST_TO_CONTAINER }
  devices { container_path: '/dev/f' host_path: '/dev/fuse' permissions: 'rw' }
  labels { key: 'l' value: '1' } annotations { key: 'a' value: '2' }
  log_path: 'main/0.log' stdin: true tty: true stop_signal: SIGNAL_SIGHUP
  linux {
    resources { cpu_period: 100000 cpu_quota: 50000 cpu_shares: 512 memory_limit_in_bytes: 67108864 oom_score_adj: 999 }
    security_context {
      capabilities { add_capabilities: 'NET_ADMIN' drop_capabilities: 'KILL' }
      namespace_options { pid: CONTAINER }
      run_as_user { value: 1000 } run_as_group { value: 1001 } readonly_rootfs: true
      supplemental_groups: 7 supplemental_groups_policy: Strict no_new_privs: true
      masked_paths: '/proc/kcore' readonly_paths: '/proc/sys' seccomp { profile_type: RuntimeDefault }
    }
  })";

constexpr char kPod[] = R"(
  metadata { name: 'web' namespace: 'default' uid: 'u' attempt: 1 }
  hostname: 'web' log_directory: '/var/log/pods/web'
  dns_config { servers: '10.0.0.1' searches: 'svc' options: 'ndots:5' }
  port_mappings { protocol: UDP container_port: 53 host_port: 5353 host_ip: '127.0.0.1' }
  labels { key: 'l' value: '1' } annotations { key: 'a' value: '2' }
  linux {
    cgroup_parent: '/kubepods/podx' sysctls { key: 'net.ipv4.ip_forward' value: '1' }
    security_context { namespace_options { pid: CONTAINER } privileged: true }
  })";

TEST(DescribeConfig, GivesBackWhatWasAskedFor) {
  auto pod = PodSpecFrom(FromText<pb::PodSandboxConfig>(kPod), "", {""});
  ASSERT_TRUE(pod.ok()) << pod.error().text();
  EXPECT_EQ(DescribeConfig(*pod).DebugString(), FromText<pb::PodSandboxConfig>(kPod).DebugString());
  auto container = ContainerSpecFrom(FromText<pb::ContainerConfig>(kContainer), *pod);
  ASSERT_TRUE(container.ok()) << container.error().text();
  EXPECT_EQ(DescribeConfig(*container).DebugString(), FromText<pb::ContainerConfig>(kContainer).DebugString());
}

TEST(GoJson, IsWhatGoWrites) {
  EXPECT_EQ(GoJson(FromText<pb::ContainerConfig>(kContainer)).dump(),
            R"({"metadata":{"name":"main","attempt":2},)"
            R"("image":{"image":"sha256:abc","user_specified_image":"busybox:1"},)"
            R"("command":["sh"],"args":["-c","true"],"working_dir":"/work","envs":[{"key":"A","value":"b=c"}],)"
            R"("mounts":[{"container_path":"/c","host_path":"/h","readonly":true,"propagation":1}],)"
            R"("devices":[{"container_path":"/dev/f","host_path":"/dev/fuse","permissions":"rw"}],)"
            R"("labels":{"l":"1"},"annotations":{"a":"2"},"log_path":"main/0.log","stdin":true,"tty":true,)"
            R"("linux":{"resources":{"cpu_period":100000,"cpu_quota":50000,"cpu_shares":512,)"
            R"("memory_limit_in_bytes":67108864,"oom_score_adj":999},)"
            R"("security_context":{"capabilities":{"add_capabilities":["NET_ADMIN"],"drop_capabilities":["KILL"]},)"
            R"("namespace_options":{"pid":1},"run_as_user":{"value":1000},"readonly_rootfs":true,)"
            R"("supplemental_groups":[7],"no_new_privs":true,"run_as_group":{"value":1001},)"
            R"("masked_paths":["/proc/kcore"],"readonly_paths":["/proc/sys"],"seccomp":{},)"
            R"("supplemental_groups_policy":1}},"stop_signal":8})");
  EXPECT_EQ(GoJson(pb::ContainerConfig()).dump(), "{}");
}

TEST(ContainerInfo, HasContainerdsShape) {
  FakeRuntime runtime;
  runtime.AddPod("aaaa", {}, true);
  runtime.AddContainer("c1", "aaaa", {}, sandbox::State::kRunning);
  json info = json::parse(ContainerInfo(runtime, *runtime.ListContainers().front()));
  json config = info["config"];
  EXPECT_EQ(config["metadata"]["name"], "c-c1");
  EXPECT_EQ(config["image"]["image"], "busybox");
  info.erase("config");
  EXPECT_EQ(info.dump(), R"({"pid":0,"removing":false,"runtimeOptions":null,"runtimeSpec":{"of":"c"},)"
                         R"("runtimeType":"io.cradle.v1","sandboxID":"aaaa","snapshotKey":"c1",)"
                         R"("snapshotter":"overlayfs"})");
}

TEST(PodInfo, HasContainerdsShape) {
  FakeRuntime runtime;
  runtime.AddPod("aaaa", {}, true);
  json info = json::parse(PodInfo(runtime, *runtime.ListPods().front()));
  EXPECT_EQ(info["config"]["metadata"]["namespace"], "default");
  info.erase("config");
  EXPECT_EQ(info.dump(),
            R"({"cniResult":{"Interfaces":{"eth0":{"IPConfigs":[{"IP":"10.0.0.1"},{"IP":"fd00::1"}],"Sandbox":""}}},)"
            R"("image":"","netNamespaceClosed":false,"pid":0,"processStatus":"deleted","runtimeHandler":"",)"
            R"("runtimeOptions":null,"runtimeSpec":{"of":"p"},"runtimeType":"io.cradle.v1","snapshotKey":"aaaa",)"
            R"("snapshotter":""})");
}

}  // namespace
}  // namespace cradle::cri
