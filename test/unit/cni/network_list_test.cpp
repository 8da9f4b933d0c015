#include "cni/network_list.h"

#include <gtest/gtest.h>

#include "cni/json.h"

namespace cradle::cni {
namespace {

std::string VersionOf(const std::string& members) {
  auto list =
      ParseNetworkList(Cat(R"({"name": "n", "plugins": [{"type": "p"}])", members, "}"), "f");
  return list.ok() ? list->version : list.error().text();
}

TEST(NetworkList, TheHighestVersionThatWeKnowIsTaken) {
  EXPECT_EQ(VersionOf(""), "0.1.0");
  EXPECT_EQ(VersionOf(R"(, "cniVersion": "0.3.1")"), "0.3.1");
  EXPECT_EQ(VersionOf(R"(, "cniVersions": ["0.4.0", "1.1.0", "1.0.0"])"), "1.1.0");
  EXPECT_EQ(VersionOf(R"(, "cniVersion": "1.0.0", "cniVersions": ["0.4.0", "9.0.0"])"), "1.0.0");
  EXPECT_NE(VersionOf(R"(, "cniVersion": "2.0.0")").find("is not one of"), std::string::npos);
  EXPECT_NE(VersionOf(R"(, "cniVersions": ["9.0.0"])").find("is not one of"), std::string::npos);
  EXPECT_NE(VersionOf(R"(, "cniVersion": 1)").find("not a string"), std::string::npos);
}

TEST(NetworkList, ASinglePluginIsAListOfOne) {
  auto list = ParseNetworkList(
      R"({"cniVersion": "1.0.0", "name": "n", "type": "bridge", "bridge": "b0"})", "a.conf");
  ASSERT_TRUE(list.ok()) << list.error().text();
  ASSERT_EQ(list->plugins.size(), 1u);
  EXPECT_EQ(list->plugins[0].type, "bridge");
}

TEST(NetworkList, WhatIsNoListIsRefusedWithItsFile) {
  const std::string deep(100000, '[');
  for (const std::string& bad : std::vector<std::string>{
           "", "[]", "{", "{}", R"({"name": "n"})", R"({"name": "", "type": "p"})",
           R"({"name": "a/b", "type": "p"})", R"({"name": "n", "plugins": []})",
           R"({"name": "n", "plugins": {}})", R"({"name": "n", "plugins": [1]})",
           R"({"name": "n", "type": "../p"})", R"({"name": "n", "type": "a/b"})",
           R"({"name": "n", "type": ""})", R"({"name": "n", "type": 7})", deep,
           Cat("{\"name\": \"n\", \"type\": \"p\", \"x\": ", deep)}) {
    auto list = ParseNetworkList(bad, "10-x.conflist");
    ASSERT_FALSE(list.ok()) << bad;
    EXPECT_EQ(list.error().text().find("network list 10-x.conflist: "), 0u) << list.error().text();
  }
}

TEST(NetworkList, PluginsGetWhatTheyDeclareAndThePreviousResult) {
  auto list = ParseNetworkList(R"({"name": "n", "cniVersion": "1.0.0", "plugins": [
      {"type": "portmap", "snat": true, "capabilities": {"portMappings": true, "dns": false}}]})",
                               "f");
  ASSERT_TRUE(list.ok());
  RuntimeConfig runtime{
      {"portMappings", "[{\"hostPort\":80}]"}, {"dns", "{}"}, {"bandwidth", "{}"}};
  auto input = PluginInput(*list, list->plugins[0], runtime, R"({"ips": []})");
  ASSERT_TRUE(input.ok());
  Json expected =
      Json::parse(R"({"type": "portmap", "snat": true, "name": "n", "cniVersion": "1.0.0",
      "capabilities": {"portMappings": true, "dns": false}, "runtimeConfig": {"portMappings": [{"hostPort": 80}]},
      "prevResult": {"ips": []}})");
  EXPECT_EQ(Json::parse(*input), expected);
  input = PluginInput(*list, list->plugins[0], {}, "");
  EXPECT_FALSE(Json::parse(*input).contains("runtimeConfig"));
  EXPECT_FALSE(Json::parse(*input).contains("prevResult"));
}

}  // namespace
}  // namespace cradle::cni
