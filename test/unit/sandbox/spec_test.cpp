#include "sandbox/spec.h"

#include <gtest/gtest.h>

namespace cradle::sandbox {
namespace {

// Every field differs from its default.
PodRecord FullRecord() {
  PodRecord record;
  record.id = PodId(std::string(64, 'd'));
  record.cgroup_parent = "/cradle/x";
  record.own_parent = true;
  record.created_at = 42;
  record.boot_id = "boot";
  record.spec = {.name = "web", .uid = "u-1", .name_space = "prod", .attempt = 2, .handler = "h", .hostname = "web-0",
                 .log_directory = "/var/log/pods/web", .dns = DnsSpec{{"1.1.1.1"}, {"x.y"}, {"ndots:5"}},
                 .port_mappings = {{.protocol = "udp", .container_port = 53, .host_port = 5353,
                                    .host_ip = "127.0.0.1"}},
                 .labels = {{"a", "b"}}, .annotations = {{"c", "d"}}, .cgroup_parent = "/kubepods",
                 .sysctls = {{"net.ipv4.ip_forward", "1"}}, .host_network = true, .host_ipc = true,
                 .pid_mode = container::PidMode::kNode,
                 .users = container::UserNamespace{{65536, 65536}, {131072, 65536}}, .privileged = true,
                 .selinux = {"system_u", "system_r", "container_t", "s0:c1,c2"},
                 .resources = {.overhead = cgroups::Limits{.cpu_shares = 2}, .containers = cgroups::Limits{.memory = 4096}}};
  return record;
}

TEST(PodRecord, EveryFieldComesBack) {
  const std::string text = FullRecord().ToJson();
  const auto back = PodRecord::FromJson(text);
  ASSERT_TRUE(back.ok()) << back.error().text();
  EXPECT_EQ(back->ToJson(), text);
  EXPECT_EQ(back->id, FullRecord().id);
  EXPECT_TRUE(back->own_parent);
  EXPECT_EQ(back->spec.name_space, "prod");
  EXPECT_EQ(back->spec.attempt, 2u);
  EXPECT_EQ(back->spec.dns, FullRecord().spec.dns);
  EXPECT_EQ(back->spec.port_mappings.at(0).protocol, "udp");
  EXPECT_EQ(back->spec.port_mappings.at(0).host_port, 5353);
  EXPECT_EQ(back->spec.labels, FullRecord().spec.labels);
  EXPECT_EQ(back->spec.sysctls, FullRecord().spec.sysctls);
  EXPECT_EQ(back->spec.pid_mode, container::PidMode::kNode);
  EXPECT_TRUE(back->spec.privileged);
}

TEST(PodRecord, DamageIsAnError) {
  for (const std::string& text : {std::string(), std::string("{}"), std::string("null"), std::string("{\"id\":7}"),
                                  FullRecord().ToJson().substr(0, 100), std::string("{\"id\":\"../x\"}")}) {
    const auto record = PodRecord::FromJson(text);
    ASSERT_FALSE(record.ok()) << text;
    EXPECT_TRUE(record.error().text().starts_with("pod record")) << record.error().text();
  }
}

TEST(PodSpec, TextIsTheSameForTheSameRequestOnly) {
  const PodSpec spec = FullRecord().spec;
  EXPECT_EQ(spec.ToJson(), FullRecord().spec.ToJson());
  PodSpec other = spec;
  other.dns.reset();
  EXPECT_NE(other.ToJson(), spec.ToJson());
  other.dns = DnsSpec{};  // asked for an empty resolv.conf: not the node's
  const std::string empty_dns = other.ToJson();
  other.dns.reset();
  EXPECT_NE(other.ToJson(), empty_dns);
  EXPECT_TRUE(PodSpec::FromJson(empty_dns)->dns.has_value());
}

TEST(PodSpec, MissingFieldsKeepTheirDefaults) {
  const auto spec = PodSpec::FromJson("{}");
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->pid_mode, container::PidMode::kPod);
  EXPECT_FALSE(spec->dns);
  EXPECT_EQ(spec->ToJson(), PodSpec().ToJson());
}

TEST(PodSpec, KeyHasNamespaceNameUidAndAttempt) { EXPECT_EQ(FullRecord().spec.Key(), "prod/web/u-1/2"); }

}  // namespace
}  // namespace cradle::sandbox
