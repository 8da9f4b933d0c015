// Network with scripted plugins.
#include "cni/network.h"

#include <filesystem>

#include "base/sys/socket.h"
#include "cni/json.h"
#include "fixture.h"

namespace cradle::cni {
namespace {

constexpr const char* kResult =
    R"(echo '{"cniVersion":"1.0.0","ips":[{"address":"10.9.8.7/24"}]}')";
constexpr const char* kTwo = R"({"name": "net", "cniVersion": "1.0.0", "plugins": [
    {"type": "first", "x": 1}, {"type": "second", "capabilities": {"portMappings": true, "bandwidth": true}}]})";

class NetworkTest : public CniTest {
 protected:
  void TwoPlugins() {
    Plugin("first", Cat("[ $CNI_COMMAND = DEL ] || ", kResult));
    Plugin("second", Cat("[ $CNI_COMMAND = DEL ] || ", kResult));
    List(kTwo);
    Open();
  }
  // Ready() answers from memory, which the watching thread changes: asked again until it says what
  // is wanted.
  bool BecomesReady(bool wanted) {
    for (Deadline deadline = After(kLong); network_->Ready().ok() != wanted;)
      if (MillisLeft(deadline) == 0 || !sys::Poll({}, After(milliseconds(2))).ok()) return false;
    return true;
  }
  std::string WhyNot() const {
    return network_->Ready().ok() ? "ready" : network_->Ready().error().text();
  }
};

TEST_F(NetworkTest, AddRunsTheChainAndDelRunsItBackwards) {
  TwoPlugins();
  EXPECT_EQ(WhyNot(), "ready");
  AddRequest request = Request();
  request.port_mappings = {{"udp", 53, 5353, "127.0.0.1"}};
  request.capabilities = {{"bandwidth", R"({"ingressRate":8000})"}, {"dns", "{}"}};
  auto added = network_->Add(request, After(kLong));
  ASSERT_OK(added);
  EXPECT_EQ(added->ips, std::vector<std::string>{"10.9.8.7"});
  EXPECT_EQ(network_->Find("pod1")->ips, added->ips);
  EXPECT_EQ(network_->RecordedPods(), std::vector<std::string>{"pod1"});
  ASSERT_OK(network_->Del("pod1", "/proc/self/ns/net", After(kLong)));
  EXPECT_EQ(Calls(), "first ADD\nsecond ADD\nsecond DEL\nfirst DEL\n");
  EXPECT_TRUE(network_->RecordedPods().empty());
  EXPECT_EQ(network_->Find("pod1").error().code(), Code::kNotFound);

  Json result = Json::parse(R"({"cniVersion":"1.0.0","ips":[{"address":"10.9.8.7/24"}]})");
  EXPECT_EQ(Json::parse(Input("first.ADD")),
            Json::parse(R"({"type":"first","x":1,"name":"net","cniVersion":"1.0.0"})"));
  Json second = Json::parse(Input("second.ADD"));
  EXPECT_EQ(second["prevResult"], result);
  EXPECT_EQ(second["runtimeConfig"],
            Json::parse(R"({"bandwidth":{"ingressRate":8000},"portMappings":
      [{"hostPort":5353,"containerPort":53,"protocol":"udp","hostIP":"127.0.0.1"}]})"));
  Json del = Json::parse(Input("second.DEL"));
  EXPECT_EQ(del, second) << "the same configuration, capabilities and result";
  EXPECT_EQ(Json::parse(Input("first.DEL"))["prevResult"], result);
}

TEST_F(NetworkTest, PluginsSeeTheSpecifiedEnvironmentAndNothingElse) {
  TwoPlugins();
  ASSERT_OK(network_->Add(Request(), After(kLong)));
  EXPECT_EQ(Env("first.ADD", "CNI_COMMAND"), "ADD");
  EXPECT_EQ(Env("first.ADD", "CNI_CONTAINERID"), "pod1");
  EXPECT_EQ(Env("first.ADD", "CNI_NETNS"), "/proc/self/ns/net");
  EXPECT_EQ(Env("first.ADD", "CNI_IFNAME"), "eth0");
  EXPECT_EQ(Env("first.ADD", "CNI_PATH"), Cat(dir(), "/none:", dir(), "/bin"));
  EXPECT_EQ(Env("first.ADD", "CNI_ARGS"),
            "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID="
            "pod1;K8S_POD_UID=uid-1");
  EXPECT_NE(Env("first.ADD", "PATH"), "(unset)");
  EXPECT_EQ(Env("first.ADD", "HOME"), "(unset)");
}

TEST_F(NetworkTest, OldVersionsGetNoPreviousResultWithDel) {
  Plugin("one",
         R"([ $CNI_COMMAND = DEL ] || echo '{"ips":[{"version":"4","address":"10.9.8.7/24"}]}')");
  List(R"({"name": "net", "cniVersion": "0.3.1", "type": "one"})", "a.conf");
  Open();
  ASSERT_OK(network_->Add(Request(), After(kLong)));
  ASSERT_OK(network_->Del("pod1", "", After(kLong)));
  EXPECT_FALSE(Json::parse(Input("one.DEL")).contains("prevResult"));
  EXPECT_EQ(Json::parse(Input("one.DEL"))["cniVersion"], "0.3.1");
}

TEST_F(NetworkTest, AFailedAddIsUndone) {
  Plugin("first", Cat("[ $CNI_COMMAND = DEL ] || ", kResult));
  Plugin("second", R"([ $CNI_COMMAND = DEL ] && exit 0; echo '{"code":7,"msg":"no"}'; exit 1)");
  List(kTwo);
  Open();
  auto added = network_->Add(Request(), After(kLong));
  ASSERT_FALSE(added.ok());
  EXPECT_EQ(added.error().text(), "network net: plugin second ADD: no (code 7)");
  EXPECT_EQ(Calls(), "first ADD\nsecond ADD\nsecond DEL\nfirst DEL\n");
  EXPECT_TRUE(network_->RecordedPods().empty());
}

// As the firewall plugin of the first two pods of a node: both look, both make, one fails.
TEST_F(NetworkTest, AnAddThatFailsBesideAnotherIsMadeAgain) {
  std::string fifo = dir() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  Plugin("first", Cat("[ $CNI_COMMAND = DEL ] && exit 0\n[ $CNI_CONTAINERID = slow ] && read go < ", fifo,
                      "\n[ $CNI_CONTAINERID = slow -o -e ", dir(), "/made ] || { touch ", dir(), "/made; exit 1; }\n",
                      kResult));
  List(R"({"name": "net", "cniVersion": "1.0.0", "type": "first"})", "a.conf");
  Open();
  AddRequest slow = Request();
  slow.pod_id = "slow";
  std::thread other([&] { ASSERT_OK(network_->Add(slow, After(kLong))); });
  UniqueFd go(::open(fifo.c_str(), O_WRONLY | O_CLOEXEC));  // waits for the reader
  auto added = network_->Add(Request(), After(kLong));
  EXPECT_TRUE(added.ok()) << added.error().text();
  EXPECT_TRUE(sys::WriteAll(go, "go\n", 3).ok());
  other.join();
  EXPECT_EQ(Calls(), "first ADD\nfirst ADD\nfirst DEL\nfirst ADD\n");
  EXPECT_EQ(network_->RecordedPods(), (std::vector<std::string>{"pod1", "slow"}));
}

TEST_F(NetworkTest, WhatCantBeUndoneStaysOnRecordForALaterDel) {
  Plugin("first", Cat("[ $CNI_COMMAND = DEL ] || ", kResult));
  Plugin("second", "exit 1");
  List(kTwo);
  Open();
  auto added = network_->Add(Request(), After(kLong));
  ASSERT_FALSE(added.ok());
  EXPECT_EQ(added.error().text(),
            "network net: plugin second ADD: exited with 1; and undoing it: network net: plugin "
            "second DEL: exited with 1");
  EXPECT_EQ(network_->RecordedPods(), std::vector<std::string>{"pod1"});
  EXPECT_FALSE(network_->Del("pod1", "", After(kLong)).ok());
  Plugin("second", "");
  ASSERT_OK(network_->Del("pod1", "", After(kLong)));
  EXPECT_TRUE(network_->RecordedPods().empty());
}

TEST_F(NetworkTest, TheRecordIsThereBeforeThePluginRuns) {
  Plugin("first", Cat("cp ", config_.record_dir, "/pod1.json ", dir(), "/log/seen; ", kResult));
  List(R"({"name": "net", "cniVersion": "1.0.0", "type": "first"})", "a.conf");
  Open();
  ASSERT_OK(network_->Add(Request(), After(kLong)));
  EXPECT_NE(Slurp(dir() + "/log/seen").find("\"pod\":\"pod1\""), std::string::npos);
}

TEST_F(NetworkTest, DelUsesTheListThatMadeTheAttachment) {
  TwoPlugins();
  ASSERT_OK(network_->Add(Request(), After(kLong)));
  network_.reset();
  ASSERT_OK(sys::UnlinkAt(kCwd, dir() + "/conf/10-test.conflist", 0));
  Open();  // another daemon, and no list at all
  EXPECT_FALSE(network_->Ready().ok());
  EXPECT_EQ(network_->Find("pod1")->ips, std::vector<std::string>{"10.9.8.7"});
  ASSERT_OK(network_->Del("pod1", "/gone", After(kLong)));
  EXPECT_EQ(Calls(), "first ADD\nsecond ADD\nsecond DEL\nfirst DEL\n");
  EXPECT_EQ(Env("first.DEL", "CNI_NETNS"), "") << "what is gone isn't named";
  ASSERT_OK(network_->Del("pod1", "", After(kLong)));
  ASSERT_OK(network_->Del("never-seen", "", After(kLong)));
}

TEST_F(NetworkTest, ASecondAddFirstUndoesTheEarlierOne) {
  TwoPlugins();
  ASSERT_OK(network_->Add(Request(), After(kLong)));
  ASSERT_OK(network_->Add(Request(), After(kLong)));
  EXPECT_EQ(Calls(), "first ADD\nsecond ADD\nsecond DEL\nfirst DEL\nfirst ADD\nsecond ADD\n");
}

TEST_F(NetworkTest, ADamagedRecordIsDeletedByTodaysList) {
  TwoPlugins();
  Put(config_.record_dir + "/pod1.json", "{\"pod\":");
  EXPECT_EQ(network_->RecordedPods(), std::vector<std::string>{"pod1"});
  ASSERT_OK(network_->Del("pod1", "", After(kLong)));
  EXPECT_EQ(Calls(), "second DEL\nfirst DEL\n");
  EXPECT_TRUE(network_->RecordedPods().empty());
}

// A daemon that is killed while it saves the record leaves that.
TEST_F(NetworkTest, DelTakesAlsoARecordThatWasNotRenamedYet) {
  TwoPlugins();
  Put(config_.record_dir + "/pod1.json.tmp", "{\"pod\":");
  ASSERT_OK(network_->Del("pod1", "", After(kLong)));
  EXPECT_TRUE(std::filesystem::is_empty(config_.record_dir));
}

TEST_F(NetworkTest, AHangingPluginMeetsTheDeadlineAndIsUndone) {
  Plugin("first", "[ $CNI_COMMAND = DEL ] || exec sleep 1000");
  List(R"({"name": "net", "cniVersion": "1.0.0", "type": "first"})", "a.conf");
  Open();
  auto added = network_->Add(Request(), After(milliseconds(3000)));
  ASSERT_FALSE(added.ok());
  EXPECT_EQ(added.error().code(), Code::kDeadlineExceeded);
  EXPECT_TRUE(Calls().ends_with("first DEL\n"));  // on a machine that stands still ADD may not have said a word
  EXPECT_TRUE(network_->RecordedPods().empty());
}

TEST_F(NetworkTest, AResultWithoutAddressIsAFailure) {
  for (const char* said : {"", "echo garbage", "echo '{}'", "echo '{\"ips\":[]}'"}) {
    Plugin("first", Cat("[ $CNI_COMMAND = DEL ] && exit 0; ", said, "\ntrue"));
    List(R"({"name": "net", "cniVersion": "1.0.0", "type": "first"})", "a.conf");
    Open();
    auto added = network_->Add(Request(), After(kLong));
    ASSERT_FALSE(added.ok()) << said;
    EXPECT_EQ(added.error().text().find("network net: result of plugin first: "), 0u)
        << added.error().text();
    EXPECT_TRUE(network_->RecordedPods().empty());
  }
}

TEST_F(NetworkTest, WhatIsUnfitForThePluginsIsRefusedBeforeAnyRuns) {
  TwoPlugins();
  auto refused = [&](auto change) {
    AddRequest request = Request();
    change(request);
    auto added = network_->Add(request, After(kLong));
    return !added.ok() && added.error().code() == Code::kInvalidArgument;
  };
  EXPECT_TRUE(refused([](AddRequest& r) { r.pod_id = "../x"; }));
  EXPECT_TRUE(refused([](AddRequest& r) { r.pod_name = "a;K8S_POD_UID=0"; }));
  EXPECT_TRUE(refused([](AddRequest& r) { r.pod_namespace = "a=b"; }));
  EXPECT_TRUE(refused([](AddRequest& r) { r.pod_uid = "a\nb"; }));
  EXPECT_TRUE(refused([](AddRequest& r) { r.ifname = "an-interface-too-long"; }));
  EXPECT_TRUE(refused([](AddRequest& r) { r.ifname = "a/b"; }));
  EXPECT_TRUE(refused([](AddRequest& r) { r.port_mappings = {{"tcp", 80, 0, ""}}; }));
  EXPECT_TRUE(refused([](AddRequest& r) { r.port_mappings = {{"tcp", 70000, 80, ""}}; }));
  EXPECT_TRUE(refused([](AddRequest& r) { r.port_mappings = {{"icmp", 80, 80, ""}}; }));
  EXPECT_TRUE(refused([](AddRequest& r) { r.capabilities = {{"dns", "{"}}; }));
  EXPECT_EQ(Calls(), "");
  EXPECT_TRUE(network_->RecordedPods().empty());
}

TEST_F(NetworkTest, ReadyTellsWhatIsMissing) {
  Open();
  EXPECT_EQ(WhyNot(), Cat("no network list in ", dir(), "/conf (*.conflist, *.conf, *.json)"));
  EXPECT_EQ(network_->Add(Request(), After(kLong)).error().code(), Code::kFailedPrecondition);
  List("{", "05-broken.conflist");
  Open();
  EXPECT_EQ(WhyNot(), Cat(dir(), "/conf: network list 05-broken.conflist: not a JSON object"));
  Plugin("first", "");
  List(kTwo);
  Open();
  EXPECT_EQ(WhyNot(),
            Cat("network net: plugin second is not in ", dir(), "/none, ", dir(), "/bin"));
  Plugin("second", "");
  EXPECT_TRUE(BecomesReady(true))
      << "a plugin that is installed later is noticed; the broken list is passed over";
  ASSERT_OK(sys::UnlinkAt(kCwd, dir() + "/conf/10-test.conflist", 0));
  EXPECT_TRUE(BecomesReady(false));
}

TEST_F(NetworkTest, TheFirstValidListByNameCounts) {
  Plugin("a", kResult);
  Plugin("b", kResult);
  List(R"({"name": "net-b", "cniVersion": "1.0.0", "type": "b"})", "20.conf");
  List("garbage", "00.conf");
  List(R"({"name": "net-a", "cniVersion": "1.0.0", "type": "a"})", "10.json");
  List(R"({"name": "net-x", "cniVersion": "1.0.0", "type": "x"})", "05.txt");
  Open();
  ASSERT_OK(network_->Add(Request(), After(kLong)));
  EXPECT_EQ(Calls(), "a ADD\n");
}

TEST_F(NetworkTest, AListThatComesLaterIsUsedAtOnce) {
  ASSERT_OK(sys::RemoveTree(kCwd, dir() + "/conf"));
  Open();
  EXPECT_FALSE(network_->Ready().ok());
  Plugin("a", kResult);
  ASSERT_OK(sys::MakeDirs(dir() + "/conf", 0755));
  List(R"({"name": "net-a", "cniVersion": "1.0.0", "type": "a"})", "10.conf");
  ASSERT_OK(network_->Add(Request(), After(kLong)));
  EXPECT_TRUE(BecomesReady(true));
}

TEST_F(NetworkTest, StatusIsAskedForInVersion11AndReadyNeverWaitsForIt) {
  // It blocks in a fifo until the test lets it go, or until there are addresses.
  std::string fifo = dir() + "/fifo", addresses = dir() + "/log/addresses";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  Plugin("a", Cat("[ -e ", addresses, " ] && exit 0; read go < ", fifo,
                  "; echo '{\"code\":50,\"msg\":\"no address left\"}'; exit 1"));
  List(R"({"name": "net", "cniVersions": ["1.0.0", "1.1.0"], "plugins": [{"type": "a"}]})");
  Open();
  EXPECT_EQ(WhyNot(), "network net has not told its status yet");
  UniqueFd go(::open(fifo.c_str(), O_RDWR | O_CLOEXEC));  // waits for no reader, which may come too late for its deadline
  ASSERT_OK(sys::WriteAll(go, "go\n", 3));
  const std::string wanted = "network net is not ready: plugin a STATUS: no address left (code 50)";
  for (Deadline deadline = After(kLong); WhyNot() != wanted && MillisLeft(deadline) > 0;)
    (void)sys::Poll({}, After(milliseconds(2))).ok();
  EXPECT_EQ(WhyNot(), wanted);
  EXPECT_EQ(Json::parse(Input("a.STATUS"))["cniVersion"], "1.1.0");
  EXPECT_EQ(Env("a.STATUS", "CNI_CONTAINERID"), "(unset)");
  Put(addresses, "");
  List(R"({"name": "net2", "cniVersion": "1.1.0", "plugins": [{"type": "a"}]})");
  EXPECT_TRUE(BecomesReady(true)) << WhyNot();
}

TEST_F(NetworkTest, GarbageCollectionNamesWhatIsToStay) {
  Plugin("first", Cat("[ $CNI_COMMAND = ADD ] || { [ $CNI_COMMAND = GC ] && exit 1; exit 0; }; ", kResult));
  Plugin("second", Cat("[ $CNI_COMMAND = ADD ] || exit 0; ", kResult));
  const std::string plugins = R"("plugins": [{"type": "first"}, {"type": "second"}]})";
  List(R"({"name": "net", "cniVersion": "1.1.0", )" + plugins);
  Open();
  ASSERT_OK(network_->Add(Request(), After(kLong)));
  auto done = network_->CollectGarbage(After(kLong));
  EXPECT_EQ(done.error().text().find("network net: plugin first GC: "), 0u) << done.error().text();
  Json input = Json::parse(Input("second.GC"));  // asked although the first failed
  EXPECT_EQ(input["cni.dev/valid-attachments"], Json::parse(R"([{"containerID":"pod1","ifname":"eth0"}])"));
  EXPECT_EQ(input["name"], "net");
  EXPECT_EQ(Env("second.GC", "CNI_CONTAINERID"), "(unset)");
}

TEST_F(NetworkTest, GarbageIsLeftToListsThatKnowOfIt) {
  Plugin("a", "exit 1");
  for (const char* head : {R"({"name": "net", "cniVersion": "1.0.0",)",
                           R"({"name": "net", "cniVersion": "1.1.0", "disableGC": true,)",
                           R"({"name": "net", "cniVersion": "1.1.0", "disableGC": "true",)"}) {
    List(Cat(head, R"("plugins": [{"type": "a"}]})"));
    Open();
    ASSERT_OK(network_->CollectGarbage(After(kLong)));
    network_.reset();
  }
  EXPECT_EQ(Calls().find("GC"), std::string::npos);
}

TEST(Loopback, IsUpAfterwards) {
  TempDir dir;
  TestNetns netns(dir.path() + "/netns");
  EXPECT_EQ(netns.Shell("cat /sys/class/net/lo/operstate; ip -o link show lo").find("LOOPBACK,UP"),
            std::string::npos);
  auto fd = sys::OpenAt(kCwd, netns.path(), O_RDONLY);
  ASSERT_OK(BringUpLoopback(*fd));
  EXPECT_NE(netns.Shell("ip -o link show lo").find("LOOPBACK,UP"), std::string::npos);
  auto wrong = sys::OpenAt(kCwd, "/dev/null", O_RDONLY);
  EXPECT_FALSE(BringUpLoopback(*wrong).ok());
}

}  // namespace
}  // namespace cradle::cni
