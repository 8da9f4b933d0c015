#include "cri/convert_pod.h"

#include <gtest/gtest.h>

#include "text.h"

namespace cradle::cri {
namespace {

namespace pb = ::runtime::v1;
constexpr char kGood[] = R"(metadata { name: "web" namespace: "default" uid: "u-1" attempt: 2 })";

Result<sandbox::PodSpec> Convert(const std::string& more) {
  auto config = FromText<pb::PodSandboxConfig>(kGood);
  google::protobuf::TextFormat::Parser parser;
  EXPECT_TRUE(parser.MergeFromString(more, &config)) << more;
  return PodSpecFrom(config, "", {""});
}

TEST(PodSpecFrom, NothingSaidMeansPodNamespaces) {
  auto spec = Convert("");
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_EQ(spec->name, "web");
  EXPECT_EQ(spec->name_space, "default");
  EXPECT_EQ(spec->uid, "u-1");
  EXPECT_EQ(spec->attempt, 2u);
  EXPECT_EQ(spec->pid_mode, container::PidMode::kPod);
  EXPECT_FALSE(spec->host_network);
  EXPECT_FALSE(spec->host_ipc);
  EXPECT_FALSE(spec->dns.has_value());
}

TEST(PodSpecFrom, KeepsWhatWasSaid) {
  auto spec = Convert(R"(
      hostname: "web-0" log_directory: "/var/log/pods/x"
      dns_config { servers: "10.10.10.10" searches: "google.com" options: "ndots:8" }
      labels { key: "l" value: "\001 any" } annotations { key: "a" value: "b\nc" }
      linux { cgroup_parent: "/kubepods/pod1" sysctls { key: "net.ipv4.ip_forward" value: "1" }
        security_context { privileged: true namespace_options { network: POD pid: CONTAINER ipc: NODE } } })");
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_EQ(spec->hostname, "web-0");
  EXPECT_EQ(spec->log_directory, "/var/log/pods/x");
  EXPECT_EQ(spec->dns->servers, std::vector<std::string>{"10.10.10.10"});
  EXPECT_EQ(spec->labels.at("l"), "\001 any");
  EXPECT_EQ(spec->annotations.at("a"), "b\nc");
  EXPECT_EQ(spec->cgroup_parent, "/kubepods/pod1");
  EXPECT_EQ(spec->sysctls.at("net.ipv4.ip_forward"), "1");
  EXPECT_TRUE(spec->privileged);
  EXPECT_TRUE(spec->host_ipc);
  EXPECT_EQ(spec->pid_mode, container::PidMode::kContainer);
}

TEST(PodSpecFrom, AnEmptyDnsConfigurationIsNone) {
  auto spec = Convert("dns_config { }");
  ASSERT_TRUE(spec.ok());
  EXPECT_FALSE(spec->dns.has_value());
}

TEST(PodSpecFrom, PortsWithoutHostPortAreNoMappings) {
  auto spec = Convert(R"(port_mappings { container_port: 80 }
                         port_mappings { protocol: UDP container_port: 53 host_port: 5353 host_ip: "::1" })");
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  ASSERT_EQ(spec->port_mappings.size(), 1u);
  EXPECT_EQ(spec->port_mappings[0].protocol, "udp");
  EXPECT_EQ(spec->port_mappings[0].container_port, 53);
  EXPECT_EQ(spec->port_mappings[0].host_port, 5353);
  EXPECT_EQ(spec->port_mappings[0].host_ip, "::1");
}

TEST(PodSpecFrom, NodeUserNamespaceIsFine) {
  EXPECT_TRUE(
      Convert("linux { security_context { namespace_options { userns_options { mode: NODE } } } }")
          .ok());
}

TEST(PodSpecFrom, AUserNamespaceIsOneRangeOfEach) {
  auto spec = Convert(R"(linux { security_context { namespace_options { network: NODE userns_options {
      mode: POD uids { host_id: 65536 length: 65535 } gids { host_id: 4294901760 length: 65535 } } } } })");
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_EQ(spec->users, (container::UserNamespace{{65536, 65535}, {4294901760, 65535}}));
  EXPECT_FALSE(Convert("")->users.has_value());
}

TEST(PodSpecFrom, AConfiguredHandlerIsThePods) {
  auto spec = PodSpecFrom(FromText<pb::PodSandboxConfig>(kGood), "plain", {"", "plain"});
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_EQ(spec->handler, "plain");
}

TEST(PodSpecFrom, UnknownHandlersAreRefused) {
  auto spec = PodSpecFrom(FromText<pb::PodSandboxConfig>(kGood), "gvisor", {"", "plain"});
  ASSERT_FALSE(spec.ok());
  EXPECT_EQ(spec.error().text(),
            "runtime_handler: \"gvisor\": this runtime handler is not configured");
}

std::string Security(const std::string& text) {
  return "linux { security_context { " + text + " } }";
}
std::string Namespaces(const std::string& text) {
  return Security("namespace_options { " + text + " }");
}
std::string UserNamespace(const std::string& text) {
  return Namespaces("userns_options { " + text + " }");
}

class BadPod : public testing::TestWithParam<BadField> {};

TEST_P(BadPod, NamesFieldAndValue) {
  auto spec = Convert(GetParam().text);
  ASSERT_FALSE(spec.ok());
  EXPECT_EQ(spec.error().code(), Code::kInvalidArgument);
  EXPECT_EQ(spec.error().text().substr(0, GetParam().error.size()), GetParam().error);
}

const char kNs[] = "linux.security_context.namespace_options.";

INSTANTIATE_TEST_SUITE_P(
    Fields, BadPod,
    testing::Values(
        BadField{"metadata { name: '' }", "metadata.name: \"\": must not be empty"},
        BadField{"metadata { namespace: '' }", "metadata.namespace: \"\": must not be empty"},
        BadField{"metadata { uid: 'a/b' }", "metadata.uid: \"a/b\": must not contain"},
        BadField{"annotations { key: 'cradle.io/proc-views' value: 'maybe' }",
                 "annotations[cradle.io/proc-views]: \"maybe\": must be on or off"},
        BadField{"hostname: 'a\\nb'", "hostname: \"a\\x0ab\": "},
        BadField{"log_directory: 'logs'", "log_directory: \"logs\": must be an absolute path"},
        BadField{"log_directory: '/a/../b'", "log_directory: \"/a/../b\": must not contain"},
        BadField{"dns_config { servers: '1.1.1.1\\nx' }",
                 "dns_config.servers[0]: \"1.1.1.1\\x0ax\": "},
        BadField{"dns_config { searches: 'ok' searches: '' }",
                 "dns_config.searches[1]: \"\": must not be empty"},
        BadField{"dns_config { options: 'a b' }", "dns_config.options[0]: \"a b\": "},
        BadField{"port_mappings { host_port: 70000 container_port: 1 }",
                 "port_mappings[0].host_port: 70000: "},
        BadField{"port_mappings { host_port: 80 }", "port_mappings[0].container_port: 0: "},
        BadField{"port_mappings { protocol: 9 }", "port_mappings[0].protocol: 9: "},
        BadField{"port_mappings { host_ip: 'x' }", "port_mappings[0].host_ip: \"x\": "},
        BadField{"linux { cgroup_parent: 'a.slice' }",
                 "linux.cgroup_parent: \"a.slice\": must be an absolute path"},
        BadField{"linux { cgroup_parent: '/../x' }",
                 "linux.cgroup_parent: \"/../x\": must not contain"},
        BadField{"annotations { key: 'kubernetes.io/egress-bandwidth' value: 'x' }",
                 "annotations: annotation kubernetes.io/egress-bandwidth: "},
        BadField{"linux { sysctls { key: 'vm.swappiness' value: '1' } }", "linux.sysctls: "},
        BadField{Security("run_as_user { value: -1 }"), "linux.security_context.run_as_user: -1: "},
        BadField{Security("run_as_group { value: 5 }"),
                 "linux.security_context.run_as_group: 5: needs run_as_user"},
        BadField{Security("supplemental_groups: 4294967295"),
                 "linux.security_context.supplemental_groups: 4294967295: "},
        BadField{Namespaces("network: CONTAINER"),
                 Cat(kNs, "network: \"CONTAINER\": must be POD or NODE")},
        BadField{Namespaces("ipc: TARGET"), Cat(kNs, "ipc: \"TARGET\": must be POD or NODE")},
        BadField{Namespaces("pid: TARGET"),
                 Cat(kNs, "pid: \"TARGET\": must be POD, CONTAINER or NODE")},
        BadField{UserNamespace("mode: CONTAINER"),
                 Cat(kNs, "userns_options.mode: \"CONTAINER\": ")},
        BadField{UserNamespace("mode: TARGET"), Cat(kNs, "userns_options.mode: \"TARGET\": ")},
        BadField{UserNamespace("uids { length: 1 } uids { length: 1 }"),
                 Cat(kNs, "userns_options.uids: 2: ")},
        BadField{UserNamespace("uids { container_id: 1 length: 9 } gids { length: 9 }"),
                 Cat(kNs, "userns_options.uids: 1: must map id 0")},
        BadField{UserNamespace("mode: POD"), Cat(kNs, "userns_options.uids: 0: must be one mapping")},
        BadField{UserNamespace("uids { length: 9 }"),
                 Cat(kNs, "userns_options.gids: 0: must be one mapping")},
        BadField{UserNamespace("uids { host_id: 9 } gids { length: 9 }"),
                 Cat(kNs, "userns_options.uids[0].length: 0: must not be 0")},
        BadField{UserNamespace("uids { length: 9 } gids { host_id: 4294967290 length: 6 }"),
                 Cat(kNs, "userns_options.gids[0].host_id: 4294967290: with length 6 goes beyond")},
        BadField{UserNamespace("mode: NODE uids { length: 9 }"),
                 Cat(kNs, "userns_options.mode: \"NODE\": goes with no mapping")},
        BadField{Namespaces("pid: NODE userns_options { uids { length: 9 } gids { length: 9 } }"),
                 Cat(kNs, "pid: \"NODE\": can't be had with a user namespace")},
        BadField{Namespaces("ipc: NODE userns_options { uids { length: 9 } gids { length: 9 } }"),
                 Cat(kNs, "ipc: \"NODE\": can't be had with a user namespace")}));

}  // namespace
}  // namespace cradle::cri
