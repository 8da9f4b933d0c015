// Admission, the pod's files, the size of a layer.
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "base/sys/file.h"
#include "sandbox/admission.h"
#include "sandbox/files.h"
#include "sandbox/usage.h"

namespace cradle::sandbox {
namespace {

// Starts that say when they begin, by one letter each.
class Starts {
 public:
  explicit Starts(Pace pace) : admission_(pace) {}

  void Enter(char name, Admission::Kind kind = Admission::Kind::kPod) {
    admission_.Enter(kind, [this, name](Admission::Ticket ticket) {
      std::lock_guard lock(mutex_);
      begun_ += name;
      tickets_[name] = ticket;
      changed_.notify_all();
    });
  }
  void Leave(char name) { admission_.Leave(tickets_.at(name)); }
  std::string begun() {
    std::lock_guard lock(mutex_);
    return begun_;
  }
  bool WaitFor(const std::string& begun) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, seconds(30), [&] { return begun_ == begun; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string begun_;
  std::map<char, Admission::Ticket> tickets_;
  Admission admission_;
};

constexpr milliseconds kNever = std::chrono::hours(1);

TEST(Admission, LetsSoManyInAndTheRestInOrder) {
  Starts starts({.fresh = 2, .in_all = 8, .moment = kNever});
  for (char name : {'a', 'b', 'c', 'd'}) starts.Enter(name);
  EXPECT_EQ(starts.begun(), "ab");
  starts.Leave('b');
  EXPECT_EQ(starts.begun(), "abc");
  starts.Leave('a');
  starts.Leave('c');
  EXPECT_EQ(starts.begun(), "abcd");
  starts.Leave('d');
  starts.Enter('e');
  EXPECT_EQ(starts.begun(), "abcde");
}

TEST(Admission, AContainerComesBeforeTheNextPod) {
  Starts starts({.fresh = 1, .in_all = 8, .moment = kNever});
  for (char name : {'a', 'b'}) starts.Enter(name);
  starts.Enter('c', Admission::Kind::kContainer);
  starts.Leave('a');
  starts.Leave('c');
  EXPECT_EQ(starts.begun(), "acb");
}

TEST(Admission, OneThatTakesLongKeepsNobodyBackUntilThereAreTooMany) {
  Starts starts({.fresh = 1, .in_all = 2, .moment = milliseconds(1)});
  for (char name : {'a', 'b', 'c'}) starts.Enter(name);
  ASSERT_TRUE(starts.WaitFor("ab"));
  starts.Leave('b');
  ASSERT_TRUE(starts.WaitFor("abc"));
  starts.Leave('a');
  starts.Leave('c');
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
