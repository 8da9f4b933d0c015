// Bad input: the code, the field and the value in the text, and no trace left (the listener sees to that).
#include <functional>

#include "support/node_test.h"

namespace cradle::test {
namespace {

class BadInput : public NodeTest {};

struct BadPod {
  const char* field;  // stands in the text
  const char* value;
  std::function<void(v1::PodSandboxConfig&)> spoil;
  grpc::StatusCode code = grpc::INVALID_ARGUMENT;
};

const BadPod kBadPods[] = {
    {"metadata", "", [](auto& c) { c.clear_metadata(); }},
    {"metadata.name", "", [](auto& c) { c.mutable_metadata()->clear_name(); }},
    {"metadata.namespace", "", [](auto& c) { c.mutable_metadata()->clear_namespace_(); }},
    {"metadata.uid", "", [](auto& c) { c.mutable_metadata()->clear_uid(); }},
    {"metadata.name", "a/b", [](auto& c) { c.mutable_metadata()->set_name("a/b"); }},
    {"hostname", "bad name", [](auto& c) { c.set_hostname("bad name"); }},
    {"log_directory", "relative/dir", [](auto& c) { c.set_log_directory("relative/dir"); }},
    {"log_directory", "/var/../etc", [](auto& c) { c.set_log_directory("/var/../etc"); }},
    {"dns_config.servers", "not-an-ip", [](auto& c) { c.mutable_dns_config()->add_servers("not-an-ip"); }},
    {"container_port", "70000",
     [](auto& c) {
       auto* port = c.add_port_mappings();
       port->set_container_port(70000);
       port->set_host_port(80);
     }},
    {"host_port", "-1",
     [](auto& c) {
       auto* port = c.add_port_mappings();
       port->set_container_port(80);
       port->set_host_port(-1);
     }},
    {"host_ip", "1.2.3", [](auto& c) {
       auto* port = c.add_port_mappings();
       port->set_container_port(80);
       port->set_host_port(8080);
       port->set_host_ip("1.2.3");
     }},
    {"cgroup_parent", "../up", [](auto& c) { c.mutable_linux()->set_cgroup_parent("../up"); }},
    {"cgroup", "/cgroup.procs", [](auto& c) { c.mutable_linux()->set_cgroup_parent("/cgroup.procs"); }},
    {"sysctls", "no.such.sysctl", [](auto& c) { (*c.mutable_linux()->mutable_sysctls())["no.such.sysctl"] = "1"; }},
    {"sysctls", "kernel.panic", [](auto& c) { (*c.mutable_linux()->mutable_sysctls())["kernel.panic"] = "1"; }},
    {"network", "CONTAINER",
     [](auto& c) {
       c.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_network(v1::CONTAINER);
     }},
    {"pid", "TARGET",
     [](auto& c) {
       c.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_pid(v1::TARGET);
     }},
};

TEST_F(BadInput, OfPodsIsRefusedByField) {
  for (const BadPod& bad : kBadPods) {
    SCOPED_TRACE(std::string(bad.field) + " = " + bad.value);
    auto config = PodConfig("bad", Net::kBridge);
    bad.spoil(config);
    auto reply = TryRunPod(config);
    EXPECT_EQ(reply.code(), bad.code) << reply.text();
    EXPECT_NE(reply.text().find(bad.field), std::string::npos) << reply.text();
    EXPECT_NE(reply.text().find(bad.value), std::string::npos) << reply.text();
    EXPECT_TRUE(Pods().empty());
  }
}

TEST_F(BadInput, AnUnknownHandlerIsNotFound) {
  auto reply = TryRunPod(PodConfig("bad"), "kata-nowhere");
  EXPECT_TRUE(reply.code() == grpc::NOT_FOUND || reply.code() == grpc::INVALID_ARGUMENT) << reply.code();
  EXPECT_NE(reply.text().find("kata-nowhere"), std::string::npos) << reply.text();
}

struct BadContainer {
  const char* field;
  const char* value;
  std::function<void(v1::ContainerConfig&)> spoil;
  grpc::StatusCode code = grpc::INVALID_ARGUMENT;
};

auto* Resources(v1::ContainerConfig& c) { return c.mutable_linux()->mutable_resources(); }
auto* Security(v1::ContainerConfig& c) { return c.mutable_linux()->mutable_security_context(); }
v1::Mount* AddMount(v1::ContainerConfig& c, const char* host, const char* inside) {
  v1::Mount* mount = c.add_mounts();
  mount->set_host_path(host);
  mount->set_container_path(inside);
  return mount;
}

const BadContainer kBadContainers[] = {
    {"metadata", "", [](auto& c) { c.clear_metadata(); }},
    {"metadata.name", "", [](auto& c) { c.mutable_metadata()->clear_name(); }},
    {"image", "", [](auto& c) { c.clear_image(); }},
    {"image", "no.such/image:1", [](auto& c) { c.mutable_image()->set_image("no.such/image:1"); }, grpc::NOT_FOUND},
    {"log_path", "../../etc/x", [](auto& c) { c.set_log_path("../../etc/x"); }},
    {"working_dir", "relative", [](auto& c) { c.set_working_dir("relative"); }},
    {"envs", "A=B", [](auto& c) { c.add_envs()->set_key("A=B"); }},
    {"container_path", "relative", [](auto& c) { AddMount(c, "/tmp", "relative"); }},
    {"host_path", "/no/such/path", [](auto& c) { AddMount(c, "/no/such/path", "/x"); }, grpc::NOT_FOUND},
    {"recursive_read_only", "",
     [](auto& c) { AddMount(c, "/tmp", "/x")->set_recursive_read_only(true); }},
    {"host_path", "/no/such/device",
     [](auto& c) {
       auto* device = c.add_devices();
       device->set_host_path("/no/such/device");
       device->set_container_path("/dev/x");
       device->set_permissions("rw");
     },
     grpc::NOT_FOUND},
    {"permissions", "rx",
     [](auto& c) {
       auto* device = c.add_devices();
       device->set_host_path("/dev/null");
       device->set_container_path("/dev/x");
       device->set_permissions("rx");
     }},
    {"container_path", "/proc/fuse",
     [](auto& c) {
       auto* device = c.add_devices();
       device->set_host_path("/dev/null");
       device->set_container_path("/proc/fuse");
       device->set_permissions("rw");
     }},
    {"cpu_shares", "1", [](auto& c) { Resources(c)->set_cpu_shares(1); }},
    {"cpu_period", "10", [](auto& c) { Resources(c)->set_cpu_period(10); }},
    {"cpu_quota", "-2", [](auto& c) { Resources(c)->set_cpu_quota(-2); }},
    {"memory_limit_in_bytes", "1000", [](auto& c) { Resources(c)->set_memory_limit_in_bytes(1000); }},
    {"memory_swap_limit_in_bytes", "16777216",
     [](auto& c) {
       Resources(c)->set_memory_limit_in_bytes(32 << 20);
       Resources(c)->set_memory_swap_limit_in_bytes(16 << 20);
     }},
    {"cpuset_cpus", "0-9999", [](auto& c) { Resources(c)->set_cpuset_cpus("0-9999"); }},
    {"cpuset_cpus", "zero", [](auto& c) { Resources(c)->set_cpuset_cpus("zero"); }},
    {"cpu_quota", "999", [](auto& c) { Resources(c)->set_cpu_quota(999); }},
    {"unified", "memory/high", [](auto& c) { (*Resources(c)->mutable_unified())["memory/high"] = "1"; }},
    {"unified", "memory.nonsense", [](auto& c) { (*Resources(c)->mutable_unified())["memory.nonsense"] = "1"; }},
    {"oom_score_adj", "1001", [](auto& c) { Resources(c)->set_oom_score_adj(1001); }},
    {"run_as_user", "-1", [](auto& c) { Security(c)->mutable_run_as_user()->set_value(-1); }},
    {"run_as_user", "4294967295", [](auto& c) { Security(c)->mutable_run_as_user()->set_value(4294967295); }},
    {"run_as_group", "", [](auto& c) { Security(c)->mutable_run_as_group()->set_value(5); }},
    {"supplemental_groups", "-7", [](auto& c) { Security(c)->add_supplemental_groups(-7); }},
    {"capabilities", "NO_SUCH", [](auto& c) { Security(c)->mutable_capabilities()->add_add_capabilities("NO_SUCH"); }},
    {"privileged", "", [](auto& c) { Security(c)->set_privileged(true); }},
    {"seccomp", "/no/such/profile.json",
     [](auto& c) {
       Security(c)->mutable_seccomp()->set_profile_type(v1::SecurityProfile::Localhost);
       Security(c)->mutable_seccomp()->set_localhost_ref("/no/such/profile.json");
     },
     grpc::NOT_FOUND},
    {"apparmor", "no-such-profile",
     [](auto& c) {
       Security(c)->mutable_apparmor()->set_profile_type(v1::SecurityProfile::Localhost);
       Security(c)->mutable_apparmor()->set_localhost_ref("localhost/no-such-profile");
     },
     grpc::FAILED_PRECONDITION},
    {"target_id", "feedfeed",
     [](auto& c) {
       auto* options = Security(c)->mutable_namespace_options();
       options->set_network(v1::NODE);
       options->set_pid(v1::TARGET);
       options->set_target_id("feedfeed");
     },
     grpc::NOT_FOUND},
};

TEST_F(BadInput, OfContainersIsRefusedByField) {
  std::string pod = RunPod(PodConfig("good"));
  for (const BadContainer& bad : kBadContainers) {
    SCOPED_TRACE(std::string(bad.field) + " = " + bad.value);
    auto config = Sleeper("bad");
    bad.spoil(config);
    Snapshot before = Snapshot::Take(daemon(), {pod});
    auto reply = TryCreate(pod, config);
    // What a path leads to may be judged either way; never is it the caller's success or our fault.
    bool expected = reply.code() == bad.code ||
                    (bad.code == grpc::NOT_FOUND && (reply.code() == grpc::INVALID_ARGUMENT ||
                                                     reply.code() == grpc::FAILED_PRECONDITION));
    EXPECT_TRUE(expected) << "code " << reply.code() << ": " << reply.text();
    EXPECT_NE(reply.text().find(bad.field), std::string::npos) << reply.text();
    EXPECT_NE(reply.text().find(bad.value), std::string::npos) << reply.text();
    EXPECT_TRUE(Containers().empty());
    std::vector<std::string> left;
    Eventually([&] {
      left = Snapshot::Take(daemon(), {pod}).DifferenceTo(before);
      // What was about to go when the request came isn't left behind.
      std::erase_if(left, [](const std::string& one) { return one.starts_with("- "); });
      return left.empty();
    });
    for (const std::string& one : left) ADD_FAILURE() << one;
  }
}

TEST_F(BadInput, WhatIsNotThereIsNotFoundByItsId) {
  const std::string id(64, '0');
  auto expect = [&](const auto& reply, grpc::StatusCode code) {
    EXPECT_EQ(reply.code(), code) << reply.text();
    if (code == grpc::OK) return;
    EXPECT_NE(reply.text().find(id), std::string::npos) << reply.text();
  };
  v1::StartContainerRequest start;
  start.set_container_id(id);
  expect(CRI_CALL(StartContainer, start), grpc::NOT_FOUND);
  v1::ContainerStatusRequest status;
  status.set_container_id(id);
  expect(CRI_CALL(ContainerStatus, status), grpc::NOT_FOUND);
  v1::ContainerStatsRequest stats;
  stats.set_container_id(id);
  expect(CRI_CALL(ContainerStats, stats), grpc::NOT_FOUND);
  v1::ReopenContainerLogRequest reopen;
  reopen.set_container_id(id);
  expect(CRI_CALL(ReopenContainerLog, reopen), grpc::NOT_FOUND);
  expect(TryExec(id, {"true"}), grpc::NOT_FOUND);
  expect(TryCreate(id, Sleeper("c")), grpc::NOT_FOUND);
  v1::StopContainerRequest stop;
  stop.set_container_id(id);
  expect(CRI_CALL(StopContainer, stop), grpc::OK);
  v1::RemoveContainerRequest remove;
  remove.set_container_id(id);
  expect(CRI_CALL(RemoveContainer, remove), grpc::OK);
}

TEST_F(BadInput, EmptyIdsAndCommandsAreRefused) {
  std::string container = StartNew(RunPod(PodConfig("pod")), Sleeper("c"));
  auto reply = TryExec(container, {});
  EXPECT_EQ(reply.code(), grpc::INVALID_ARGUMENT);
  EXPECT_NE(reply.text().find("cmd"), std::string::npos) << reply.text();
  EXPECT_EQ(TryExec(container, {"true"}, -1).code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(TryExec("", {"true"}).code(), grpc::INVALID_ARGUMENT);
  v1::StopContainerRequest stop;
  stop.set_container_id(container);
  stop.set_timeout(-1);
  EXPECT_EQ(CRI_CALL(StopContainer, stop).code(), grpc::INVALID_ARGUMENT);
}

TEST_F(BadInput, ContainersNeedAReadyPod) {
  std::string pod = RunPod(PodConfig("pod"));
  StopPod(pod);
  auto reply = TryCreate(pod, Sleeper("c"));
  EXPECT_EQ(reply.code(), grpc::FAILED_PRECONDITION);
  EXPECT_NE(reply.text().find(pod.substr(0, 12)), std::string::npos) << reply.text();
}

}  // namespace
}  // namespace cradle::test
