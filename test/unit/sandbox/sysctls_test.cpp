#include "sandbox/sysctls.h"

#include <gtest/gtest.h>

namespace cradle::sandbox {
namespace {

Result<> Check(const std::string& name, const std::string& value = "1", bool host_network = false,
               bool host_ipc = false) {
  return CheckSysctls({{name, value}}, host_network, host_ipc);
}

TEST(Sysctls, NamespacedOnesPass) {
  for (const char* name : {"net.ipv4.ip_forward", "net/ipv4/conf/eth0/forwarding", "kernel.shmmax",
                           "kernel.shm_rmid_forced", "kernel.msgmnb", "kernel.sem", "fs.mqueue.msg_max"})
    EXPECT_TRUE(Check(name).ok()) << name;
  EXPECT_TRUE(Check("net.ipv4.ip_local_port_range", "1024\t65535").ok());
  EXPECT_TRUE(CheckSysctls({}, true, true).ok());
}

TEST(Sysctls, NodeWideAndMalformedOnesAreRefusedByName) {
  for (const char* name :
       {"kernel.core_pattern", "kernel.semaphore", "vm.swappiness", "net", "netx.ipv4.y", "fs.mqueue", "kernel.panic",
        "", ".", "net.", ".net", "net..x", "net/../kernel/core_pattern", "net.ipv4/../../x", "net.ipv4.X", "net.a b",
        "net.ipv4.x\n", "net/./x", "net.-a", "net.a-", "/net/ipv4/x"}) {
    const auto checked = Check(name);
    ASSERT_FALSE(checked.ok()) << name;
    EXPECT_EQ(checked.error().code(), Code::kInvalidArgument);
    EXPECT_NE(checked.error().text().find(Cat("sysctl \"", name, "\"")), std::string::npos) << checked.error().text();
  }
  EXPECT_FALSE(Check("net." + std::string(300, 'a')).ok());
  EXPECT_FALSE(CheckSysctls({{"net.ipv4.ip_forward", "1"}, {"vm.swappiness", "1"}}, false, false).ok());
}

TEST(Sysctls, ThoseOfTheHostsNamespacesAreRefused) {
  EXPECT_FALSE(Check("net.ipv4.ip_forward", "1", true, false).ok());
  EXPECT_FALSE(Check("net/ipv4/ip_forward", "1", true, false).ok());
  EXPECT_TRUE(Check("kernel.sem", "1", true, false).ok());
  EXPECT_FALSE(Check("kernel.sem", "1", false, true).ok());
  EXPECT_FALSE(Check("fs.mqueue.msg_max", "1", false, true).ok());
  EXPECT_TRUE(Check("net.ipv4.ip_forward", "1", false, true).ok());
}

TEST(Sysctls, ValuesAreOneShortPrintableLine) {
  for (const std::string& value : {std::string("1\n2"), std::string("1\0", 2), std::string("\x7f"),
                                   std::string(4096, '1')})
    EXPECT_FALSE(Check("net.ipv4.ip_forward", value).ok());
  EXPECT_TRUE(Check("net.ipv4.ip_forward", std::string(4095, '1')).ok());
}

}  // namespace
}  // namespace cradle::sandbox
