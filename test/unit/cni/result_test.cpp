#include "cni/result.h"

#include <gtest/gtest.h>

#include "cni/json.h"

namespace cradle::cni {
namespace {

using Strings = std::vector<std::string>;

Strings Ips(const std::string& text) {
  auto result = ParseResult(text, "eth0");
  return result.ok() ? result->ips : Strings{"error: " + result.error().text()};
}

TEST(ParseResult, EveryVersion) {
  EXPECT_EQ(
      Ips(R"({"cniVersion":"0.2.0","ip4":{"ip":"10.1.0.5/24"},"ip6":{"ip":"fd00::5/64"},"dns":{}})"),
      (Strings{"10.1.0.5", "fd00::5"}));
  EXPECT_EQ(
      Ips(R"({"cniVersion":"0.3.1","ips":[{"version":"4","address":"10.1.0.5/24","gateway":"10.1.0.1"}]})"),
      (Strings{"10.1.0.5"}));
  EXPECT_EQ(
      Ips(R"({"cniVersion":"1.1.0","ips":[{"address":"fd00::5/64"},{"address":"10.1.0.5/24"}]})"),
      (Strings{"10.1.0.5", "fd00::5"}))
      << "IPv4 first";
}

TEST(ParseResult, AddressesOfOtherInterfacesAreNotThePods) {
  EXPECT_EQ(Ips(R"({"interfaces":[{"name":"br0"},{"name":"eth0","sandbox":"/x"}],
                    "ips":[{"interface":0,"address":"10.0.0.1/24"},{"interface":1,"address":"10.0.0.2/24"}]})"),
            (Strings{"10.0.0.2"}));
}

TEST(ParseResult, GarbageIsAnError) {
  for (const char* bad : {"", "null", "[]", "{}", "ok", R"({"ips":[]})", R"({"ips":[{}]})",
                          R"({"ips":[{"address":"x/24"}]})", R"({"ips":[{"address":7}]})",
                          R"({"ips":7})", R"({"ips":[null]})", R"({"ip4":{"ip":""}})"})
    EXPECT_EQ(Ips(bad)[0].find("error: "), 0u) << bad;
}

TEST(PluginError, IsASentence) {
  int code = 0;
  EXPECT_EQ(ParsePluginError(R"({"code":7,"msg":"no range","details":"set\nis empty"})", code),
            "no range (set is empty; code 7)");
  EXPECT_EQ(code, 7);
  EXPECT_EQ(ParsePluginError(R"({"code":11,"msg":"busy"})", code), "busy (code 11)");
  EXPECT_EQ(ParsePluginError(R"({"code":-1,"msg":7})", code), "");
  EXPECT_EQ(ParsePluginError("oops", code), "");
  EXPECT_EQ(code, 0);
}

TEST(Printable, LeavesOneLineOfAscii) {
  EXPECT_EQ(Printable("\n a\tb\x1b[31m\xff\n"), "a b [31m?");
}

}  // namespace
}  // namespace cradle::cni
