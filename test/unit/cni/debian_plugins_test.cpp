// The plugins of Debian's package containernetworking-plugins, in a namespace of the test's own, on
// a bridge of its own.
#include <filesystem>

#include "fixture.h"

namespace cradle::cni {
namespace {

class DebianPluginsTest : public CniTest {
 protected:
  void SetUp() override {
    CniTest::SetUp();
    if (!sys::Exists(kCwd, "/usr/lib/cni/portmap"))
      GTEST_SKIP() << "containernetworking-plugins is not installed";
    config_.bin_dirs = {"/usr/lib/cni"};
    List(Cat(R"({"cniVersion": "1.0.0", "name": "test-net", "plugins": [
        {"type": "bridge", "bridge": ")",
             bridge_, R"(", "isGateway": true,
         "ipam": {"type": "host-local", "ranges": [[{"subnet": ")",
             net_, R"(0/29"}]], "dataDir": ")", dir(), R"(/ipam"}},
        {"type": "portmap", "capabilities": {"portMappings": true}}]})"));
    Open();
  }
  void TearDown() override {
    if (!network_) return;
    EXPECT_EQ(std::system(Cat("ip link delete ", bridge_, " 2>/dev/null; ! ip link show ", bridge_,
                              " 2>/dev/null")
                              .c_str()),
              0);
  }
  size_t Leases() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir() + "/ipam/test-net"))
      count += entry.path().filename().string().starts_with("10.");
    return count;
  }

  // Tests run beside each other: a bridge and a network of each one's own.
  const std::string bridge_ = Cat("ct", std::to_string(sys::Getpid()));
  const std::string net_ = Cat("10.213.", std::to_string(sys::Getpid() % 256), ".");
};

TEST_F(DebianPluginsTest, APodHasAnAddressUntilDel) {
  TestNetns netns(dir() + "/netns");
  AddRequest request = Request();
  request.pod_id = Cat("cradle-test-", std::to_string(sys::Getpid()));
  request.netns_path = netns.path();
  request.port_mappings = {{"tcp", 80, 38080, ""}};
  auto added = network_->Add(request, After(kLong));
  ASSERT_OK(added);
  ASSERT_EQ(added->ips.size(), 1u);
  EXPECT_EQ(added->ips[0].find(net_), 0u);
  EXPECT_NE(netns.Shell("ip -o -4 addr show eth0").find(added->ips[0]), std::string::npos);
  EXPECT_EQ(Leases(), 1u);

  ASSERT_OK(network_->Del(request.pod_id, netns.path(), After(kLong)));
  EXPECT_EQ(netns.Shell("ip -o link show eth0 2>&1").find("eth0@"), std::string::npos);
  EXPECT_EQ(Leases(), 0u);
}

TEST_F(DebianPluginsTest, TheAddressIsFreedWhenTheNamespaceIsGone) {
  TestNetns netns(dir() + "/netns");
  AddRequest request = Request();
  request.pod_id = Cat("cradle-test-gone-", std::to_string(sys::Getpid()));
  request.netns_path = netns.path();
  request.port_mappings = {{"tcp", 80, 38081, ""}};
  ASSERT_OK(network_->Add(request, After(kLong)));
  EXPECT_EQ(Leases(), 1u);
  netns.Close();  // a plain file is left, as after a reboot of a node with /run on disk
  ASSERT_OK(network_->Del(request.pod_id, netns.path(), After(kLong)));
  EXPECT_EQ(Leases(), 0u);
}

TEST_F(DebianPluginsTest, ARefusalOfAPluginIsASentence) {
  List(Cat(R"({"cniVersion": "1.0.0", "name": "test-net", "type": "bridge", "bridge": ")", bridge_,
           R"(", "ipam": {"type": "host-local", "subnet": "10.213.77.0/33"}})"));
  Open();
  TestNetns netns(dir() + "/netns");
  AddRequest request = Request();
  request.netns_path = netns.path();
  auto added = network_->Add(request, After(kLong));
  ASSERT_FALSE(added.ok());
  EXPECT_EQ(added.error().text().find("network test-net: plugin bridge ADD: "), 0u)
      << added.error().text();
  EXPECT_NE(added.error().text().find("10.213.77.0/33"), std::string::npos) << added.error().text();
}

}  // namespace
}  // namespace cradle::cni
