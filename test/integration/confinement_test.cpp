// What the kernel's security modules make of a container. Natively, on a kernel without them, that is: nothing, said
// clearly; test/vm runs the others.
#include <sys/xattr.h>

#include <cstdlib>

#include "support/files.h"
#include "support/node_test.h"

namespace cradle::test {
namespace {

bool KernelHasAppArmor() { return ReadText("/sys/module/apparmor/parameters/enabled") == "Y\n"; }

bool KernelHasSelinux() { return !ReadText("/sys/fs/selinux/policyvers").empty(); }

class Confinement : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    pod_ = RunPod(PodConfig("pod"));
  }
  std::string pod_;
};

class ConfinementWithoutAppArmor : public Confinement {
 protected:
  void SetUp() override {
    Confinement::SetUp();
    if (KernelHasAppArmor()) GTEST_SKIP() << "the kernel has AppArmor";
  }
};

class ConfinementByAppArmor : public Confinement {
 protected:
  void SetUp() override {
    Confinement::SetUp();
    if (!KernelHasAppArmor()) GTEST_SKIP() << "the kernel has no AppArmor";
  }
};

class ConfinementWithoutSelinux : public Confinement {
 protected:
  void SetUp() override {
    Confinement::SetUp();
    if (KernelHasSelinux()) GTEST_SKIP() << "the kernel has SELinux";
  }
};

class ConfinementBySelinux : public Confinement {
 protected:
  void SetUp() override {
    Confinement::SetUp();
    if (!KernelHasSelinux()) GTEST_SKIP() << "the kernel has no SELinux";
  }
  std::string LabelOf(const std::string& container) {
    std::string text = Exec(container, {"cat", "/proc/self/attr/current"}).stdout();
    return text.substr(0, text.find('\0'));
  }
};

std::string FileLabel(const std::string& path) {
  char label[4096] = {};
  ssize_t size = ::getxattr(path.c_str(), "security.selinux", label, sizeof label - 1);
  return size < 0 ? "" : label;
}

v1::SecurityProfile* ProfileOf(v1::ContainerConfig& config) {
  return config.mutable_linux()->mutable_security_context()->mutable_apparmor();
}

constexpr char kWhatConfinesMe[] = "cat /proc/self/attr/current";

TEST_F(ConfinementWithoutAppArmor, TheDefaultProfileIsNoneAndOneByNameIsRefused) {
  auto config = Sleeper("c");
  ProfileOf(config)->set_profile_type(v1::SecurityProfile::RuntimeDefault);
  StartNew(pod_, config);
  config.mutable_metadata()->set_name("d");
  ProfileOf(config)->set_profile_type(v1::SecurityProfile::Localhost);
  ProfileOf(config)->set_localhost_ref("localhost/web");
  auto reply = TryCreate(pod_, config);
  EXPECT_EQ(reply.code(), grpc::FAILED_PRECONDITION);
  EXPECT_NE(reply.text().find("apparmor profile \"web\": the kernel has no AppArmor"), std::string::npos) << reply.text();
}

TEST_F(ConfinementByAppArmor, TheDefaultProfileConfinesTheContainerAndItsExecs) {
  std::string container = StartNew(pod_, Shell("c", std::string(kWhatConfinesMe) + "; exec sleep 1000000"));
  EXPECT_TRUE(WaitForLog(container, "cradle-default (enforce)"));
  EXPECT_EQ(Exec(container, {"sh", "-c", kWhatConfinesMe}).stdout(), "cradle-default (enforce)\n");
}

TEST_F(ConfinementByAppArmor, TheDefaultProfileDeniesWhatNoMountDoes) {
  auto config = Sleeper("c");
  auto* security = config.mutable_linux()->mutable_security_context();
  security->mutable_capabilities()->add_add_capabilities("ALL");
  std::string container = StartNew(pod_, config);
  auto fails = [&](const std::string& script) { return Exec(container, {"sh", "-c", script}).exit_code() != 0; };
  // No masked or read-only path was asked for, and every capability was given.
  EXPECT_TRUE(fails("mount -t tmpfs none /mnt"));
  EXPECT_TRUE(fails("echo h > /proc/sysrq-trigger"));
  EXPECT_TRUE(fails("cat /proc/sys/kernel/domainname > /proc/sys/kernel/domainname"));
  EXPECT_TRUE(fails("head -c 1 /proc/kcore"));
  EXPECT_FALSE(fails("cat /proc/sys/kernel/shmmax > /proc/sys/kernel/shmmax"));
  EXPECT_FALSE(fails("echo 500 > /proc/self/oom_score_adj"));
  EXPECT_FALSE(fails("touch /file && rm /file"));
}

TEST_F(ConfinementByAppArmor, TheDefaultProfileComesBackWhenSomebodyUnloadsIt) {
  StartNew(pod_, Sleeper("c"));
  ASSERT_EQ(std::system("echo 'profile cradle-default {}' | apparmor_parser -R"), 0);
  EXPECT_TRUE(WaitForLog(StartNew(pod_, Shell("d", kWhatConfinesMe)), "cradle-default (enforce)"));
}

TEST_F(ConfinementByAppArmor, UnconfinedIsUnconfinedAndPrivilegedToo) {
  auto config = Shell("c", kWhatConfinesMe);
  ProfileOf(config)->set_profile_type(v1::SecurityProfile::Unconfined);
  std::string container = StartNew(pod_, config);
  EXPECT_TRUE(WaitForLog(container, "unconfined"));

  auto privileged = PodConfig("privileged");
  privileged.mutable_linux()->mutable_security_context()->set_privileged(true);
  config = Shell("d", kWhatConfinesMe);
  config.mutable_linux()->mutable_security_context()->set_privileged(true);
  EXPECT_TRUE(WaitForLog(StartNew(RunPod(privileged), config), "unconfined"));
}

TEST_F(ConfinementByAppArmor, AProfileThatIsNotLoadedIsRefusedByName) {
  auto config = Sleeper("c");
  ProfileOf(config)->set_profile_type(v1::SecurityProfile::Localhost);
  ProfileOf(config)->set_localhost_ref("localhost/no-such-profile");
  auto reply = TryCreate(pod_, config);
  EXPECT_EQ(reply.code(), grpc::FAILED_PRECONDITION);
  EXPECT_NE(reply.text().find("apparmor profile \"no-such-profile\" is not loaded"), std::string::npos) << reply.text();
  EXPECT_TRUE(Containers().empty());
}

TEST_F(ConfinementByAppArmor, AllowsNoNewPrivileges) {
  auto config = Shell("c", kWhatConfinesMe);
  config.mutable_linux()->mutable_security_context()->set_no_new_privs(true);
  EXPECT_TRUE(WaitForLog(StartNew(pod_, config), "cradle-default (enforce)"));
}

TEST_F(ConfinementWithoutSelinux, ItsOptionsAreOfNoEffect) {
  TempDir volume;
  auto config = Sleeper("c");
  auto* options = config.mutable_linux()->mutable_security_context()->mutable_selinux_options();
  options->set_type("no_such_t");
  options->set_level("s0:c1,c2");
  auto* mount = config.add_mounts();
  mount->set_host_path(volume.path());
  mount->set_container_path("/volume");
  mount->set_selinux_relabel(true);
  StartNew(pod_, config);
}

TEST_F(ConfinementBySelinux, TheContainersOfAPodShareALabelAndNoOtherPodHasIt) {
  std::string label = LabelOf(StartNew(pod_, Sleeper("c")));
  EXPECT_TRUE(label.starts_with("system_u:system_r:container_t:s0:c")) << label;
  EXPECT_EQ(LabelOf(StartNew(pod_, Sleeper("d"))), label);
  EXPECT_NE(LabelOf(StartNew(RunPod(PodConfig("other")), Sleeper("e"))), label);
}

TEST_F(ConfinementBySelinux, ThePodsLabelOutlivesTheDaemon) {
  std::string label = LabelOf(StartNew(pod_, Sleeper("c")));
  Restart();
  EXPECT_EQ(LabelOf(StartNew(pod_, Sleeper("d"))), label);
}

TEST_F(ConfinementBySelinux, FilesCarryThePodsLevel) {
  TempDir volume;
  WriteText(volume.path() + "/file", "x");
  auto config = Sleeper("c");
  auto* mount = config.add_mounts();
  mount->set_host_path(volume.path());
  mount->set_container_path("/volume");
  mount->set_selinux_relabel(true);
  config.mutable_linux()->mutable_resources()->set_memory_limit_in_bytes(64 << 20);  // with a /proc view
  config.mutable_linux()->mutable_security_context()->add_masked_paths("/proc/kcore");
  std::string container = StartNew(pod_, config);
  std::string label = LabelOf(container);
  std::string level = label.substr(label.find(":s0") + 1);
  std::string files = "system_u:object_r:container_file_t:" + level;
  std::string mounts = Exec(container, {"cat", "/proc/self/mountinfo"}).stdout();
  for (const char* at : {" / ", " /dev ", " /dev/pts ", " /dev/shm ", " /proc/meminfo "}) {
    bool found = false;
    for (const std::string& line : Lines(mounts))
      found |= line.find(at) != std::string::npos && line.find("context=\"" + files + "\"") != std::string::npos;
    EXPECT_TRUE(found) << at << " in\n" << mounts;
  }
  for (const std::string& path :
       {volume.path(), volume.path() + "/file", daemon().root() + "/pods/" + pod_ + "/hosts"})
    EXPECT_EQ(FileLabel(path), files) << path;
}

TEST_F(ConfinementBySelinux, ALabelThatThePolicyDoesNotKnowIsRefused) {
  auto config = Sleeper("c");
  config.mutable_linux()->mutable_security_context()->mutable_selinux_options()->set_type("no_such_t");
  auto reply = TryCreate(pod_, config);
  EXPECT_EQ(reply.code(), grpc::INVALID_ARGUMENT);
  EXPECT_NE(reply.text().find("selinux label \"system_u:system_r:no_such_t:"), std::string::npos) << reply.text();
  EXPECT_TRUE(Containers().empty());
}

}  // namespace
}  // namespace cradle::test
