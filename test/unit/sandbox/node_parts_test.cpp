// Admission, the pod's files, the size of a layer.
#include <gtest/gtest.h>

#include "base/sys/file.h"
#include "sandbox/admission.h"
#include "sandbox/files.h"
#include "sandbox/usage.h"

namespace cradle::sandbox {
namespace {

TEST(Admission, LetsSoManyInAndTheRestInOrder) {
  Admission admission(2);
  std::string begun;
  for (char name : {'a', 'b', 'c', 'd'}) admission.Enter([&begun, name] { begun += name; });
  EXPECT_EQ(begun, "ab");
  admission.Leave();
  EXPECT_EQ(begun, "abc");
  admission.Leave();
  admission.Leave();
  EXPECT_EQ(begun, "abcd");
  admission.Leave();
  admission.Leave();
  admission.Enter([&] { begun += 'e'; });
  EXPECT_EQ(begun, "abcde");
}

TEST(RenderResolvConf, OneLineOfSearchesAndOptions) {
  EXPECT_EQ(RenderResolvConf({{"10.0.0.1", "10.0.0.2"}, {"a.b", "c"}, {"ndots:5"}}),
            "search a.b c\nnameserver 10.0.0.1\nnameserver 10.0.0.2\noptions ndots:5\n");
  EXPECT_EQ(RenderResolvConf({}), "");
}

TEST(RenderPodFiles, PodsOwnAddressesAndName) {
  PodSpec spec;
  spec.hostname = "web-0";
  spec.dns = DnsSpec{{"10.0.0.1"}, {}, {}};
  PodFiles files = RenderPodFiles(spec, {"10.1.2.3", "fd00::3"}).value();
  EXPECT_EQ(files.hostname, "web-0\n");
  EXPECT_NE(files.hosts.find("10.1.2.3\tweb-0\n"), std::string::npos);
  EXPECT_NE(files.hosts.find("fd00::3\tweb-0\n"), std::string::npos);
  EXPECT_EQ(files.resolv_conf, "nameserver 10.0.0.1\n");
}

TEST(RenderPodFiles, HostNetworkHasTheNodesHosts) {
  PodSpec spec;
  spec.host_network = true;
  EXPECT_EQ(RenderPodFiles(spec, {}).value().hosts, sys::ReadFile(kCwd, "/etc/hosts", 1 << 20).value());
}

TEST(WalkLayer, CountsBlocksAndInodes) {
  std::string dir = "/tmp/cradle-usage-" + RandomHex64().substr(0, 12);
  ASSERT_TRUE(sys::MakeDirs(dir + "/deep", 0700).ok());
  ASSERT_TRUE(sys::ReplaceFile(kCwd, dir + "/deep/file", std::string(100'000, 'x'), 0600).ok());
  EXPECT_GE(EmptyLayer(dir).inodes, 1u);
  Runtime::LayerUsage usage = WalkLayer(dir);
  EXPECT_EQ(usage.inodes, 3u);
  EXPECT_GE(usage.bytes, 100'000u);
  EXPECT_TRUE(sys::RemoveTree(kCwd, dir).ok());
}

}  // namespace
}  // namespace cradle::sandbox
