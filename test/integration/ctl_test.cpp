// cradlectl exec, attach and port-forward, as people use them: with pipes, files and a terminal.
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include <cstring>
#include <filesystem>

#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "support/ctl.h"
#include "support/must.h"
#include "support/node_test.h"

namespace cradle::test {
namespace {

class CtlTest : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    pod_ = RunPod(PodConfig("ctl-pod"));
  }
  std::string StartShell(const std::string& script, bool terminal) {
    auto config = Shell("ctl", script);
    config.set_stdin(true);
    config.set_tty(terminal);
    return StartNew(pod_, config);
  }
  bool Runs(const std::string& container, const std::string& text) {
    return NodeTest::Exec(container, {"ps"}).stdout().find(text) != std::string::npos;
  }
  Ctl Run(std::vector<std::string> words, UniqueFd input = {}) {
    return Ctl(daemon().socket(), std::move(words), std::move(input));
  }
  Ctl RunInTerminal(std::vector<std::string> words) {
    return Ctl(daemon().socket(), std::move(words), Ctl::Terminal{100, 40});
  }
  std::string pod_;
};

TEST_F(CtlTest, ExecPassesStreamsAndCode) {
  StartNew(pod_, Sleeper("ctl"));
  std::string path = daemon().dir() + "/input";
  WriteText(path, std::string(300'000, 'x') + "\n");
  Ctl ctl = Run({"exec", "-i", "ctl", "--", "sh", "-c", "cat; echo bad >&2; exit 7"},
                Must(sys::OpenAt(kCwd, path, O_RDONLY)));
  EXPECT_EQ(ctl.Wait(), 7);
  EXPECT_EQ(ctl.shown(), ReadText(path));
  EXPECT_EQ(ctl.errors(), "bad\n");
  Ctl missing = Run({"exec", "ctl", "/no/such/program"});
  EXPECT_EQ(missing.Wait(), 1);
  EXPECT_NE(missing.errors().find("/no/such/program"), std::string::npos) << missing.errors();
  Ctl timed = Run({"exec", "--timeout", "10s", "ctl", "--", "echo", "hello"});
  EXPECT_EQ(timed.Wait(), 0);
  EXPECT_EQ(timed.shown(), "hello\n");
}

TEST_F(CtlTest, ExecEndsWithItsReader) {
  std::string container = StartNew(pod_, Sleeper("ctl"));
  Ctl ctl = Run({"exec", "ctl", "yes", "77752"});
  ASSERT_TRUE(ctl.Shows("77752\n77752\n"));
  ctl.CloseOutput();
  EXPECT_EQ(ctl.Wait(), 128 + SIGPIPE);
  EXPECT_TRUE(Eventually([&] { return !Runs(container, "yes 77752"); }));
}

TEST_F(CtlTest, FollowedLogsEndWithTheirReader) {
  StartNew(pod_, Shell("ctl", "echo only; sleep 1000000"));
  Ctl ctl = Run({"logs", "-f", "ctl"});
  ASSERT_TRUE(ctl.Shows("only\n"));
  ctl.CloseOutput();
  EXPECT_EQ(ctl.Wait(), 128 + SIGPIPE);
}

TEST_F(CtlTest, ExecInATerminal) {
  StartNew(pod_, Sleeper("ctl"));
  Ctl ctl = RunInTerminal({"exec", "-it", "ctl", "sh"});
  ASSERT_TRUE(ctl.Shows("# ")) << ctl.shown();
  EXPECT_TRUE(ctl.raw());
  ctl.Type("until [ \"$(stty size)\" = '40 100' ]; do sleep 0.05; done; echo fir''st\r");
  EXPECT_TRUE(ctl.Shows("first\r\n")) << ctl.shown();
  ctl.Resize(132, 50);
  ctl.Type("until [ \"$(stty size)\" = '50 132' ]; do sleep 0.05; done; echo sec''ond\r");
  EXPECT_TRUE(ctl.Shows("second\r\n")) << ctl.shown();
  ctl.Type("exit 5\r");
  EXPECT_EQ(ctl.Wait(), 5);
  EXPECT_TRUE(ctl.as_before());
}

TEST_F(CtlTest, AnInterruptedExecTakesItsCommandAndLeavesTheTerminalAsItWas) {
  std::string container = StartNew(pod_, Sleeper("ctl"));
  Ctl ctl = RunInTerminal({"exec", "-it", "ctl", "--", "sh", "-c", "echo ready; exec sleep 77771"});
  ASSERT_TRUE(ctl.Shows("ready")) << ctl.shown();
  ctl.Signal(SIGTERM);
  EXPECT_EQ(ctl.Wait(), 128 + SIGTERM);
  EXPECT_TRUE(ctl.as_before());
  EXPECT_TRUE(Eventually([&] { return !Runs(container, "sleep 77771"); }));
}

TEST_F(CtlTest, AttachDetachesAndComesBack) {
  std::string container = StartShell("while read x; do echo got $x; [ $x = end ] && exit 6; done", true);
  for (int i = 0; i < 2; ++i) {
    Ctl ctl = RunInTerminal({"attach", "-it", "ctl"});
    ASSERT_TRUE(Eventually([&] { return ctl.raw(); }));
    ctl.Type("hello\r");
    EXPECT_TRUE(ctl.Shows("got hello\r\n")) << ctl.shown();
    ctl.Type("\x10\x11");
    EXPECT_EQ(ctl.Wait(), 0);
    EXPECT_TRUE(ctl.as_before());
    EXPECT_EQ(StatusOf(container).state(), v1::CONTAINER_RUNNING);
  }
  Ctl last = RunInTerminal({"attach", "-it", "ctl"});
  last.Type("end\r");
  EXPECT_EQ(last.Wait(), 6);
}

TEST_F(CtlTest, AttachPassesTheContainersCode) {
  StartShell("read x; echo got $x; exit 4", false);
  auto pipe = Must(sys::MakePipe());
  Ctl ctl = Run({"attach", "-i", "ctl"}, std::move(pipe.read));
  ASSERT_TRUE(sys::WriteAll(pipe.write, "word\n", 5).ok());
  EXPECT_EQ(ctl.Wait(), 4);
  EXPECT_EQ(ctl.shown(), "got word\n");
}

TEST_F(CtlTest, ForwardsPorts) {
  auto config = PodConfig("web", Net::kBridge);
  std::string web = RunPod(config);
  std::string container = StartNew(web, Shell("web", "exec httpd -f -p 127.0.0.1:8080"));
  ASSERT_TRUE(Eventually([&] { return NodeTest::Exec(container, {"grep", "-q", ":1F90 ", "/proc/net/tcp"}).exit_code() == 0; }));
  Ctl ctl = Run({"port-forward", web.substr(0, 12), ":8080", ":8081"});
  ASSERT_TRUE(ctl.Shows("-> 8081\n")) << ctl.shown();
  auto ask = [&](const std::string& remote) {
    size_t end = ctl.shown().find(" -> " + remote + "\n");
    size_t colon = ctl.shown().rfind(':', end);
    auto port = static_cast<uint16_t>(std::stoi(ctl.shown().substr(colon + 1, end - colon - 1)));
    UniqueFd socket = Must(sys::ConnectTcp("127.0.0.1", port, After(kPatience)));
    EXPECT_TRUE(sys::SetNonblocking(socket, false).ok());
    constexpr char kAsk[] = "GET /none HTTP/1.0\r\n\r\n";
    // Where nobody listens the connection may be over by now.
    if (sys::WriteAll(socket, kAsk, sizeof kAsk - 1).ok()) (void)sys::Shutdown(socket, SHUT_WR).ok();
    std::string answer;
    char buffer[4096];
    for (;;) {
      auto got = sys::Read(socket, buffer, sizeof buffer);
      if (!got.ok() || *got == 0) return answer;
      answer.append(buffer, *got);
    }
  };
  for (int i = 0; i < 20; ++i) EXPECT_NE(ask("8080").find("404 Not Found"), std::string::npos);
  EXPECT_EQ(ask("8081"), "");
  EXPECT_NE(ask("8080").find("404 Not Found"), std::string::npos);  // a refused one ends nothing else
  ctl.Signal(SIGTERM);
  EXPECT_EQ(ctl.Wait(), 0);
  EXPECT_NE(ctl.errors().find("port 8081: failed to connect to localhost:8081 inside the pod"), std::string::npos)
      << ctl.errors();
}

TEST_F(CtlTest, StatsShowWhatIsUsedOnceOrAgainAndAgain) {
  auto config = Shell("busy", "while :; do :; done");
  config.mutable_linux()->mutable_resources()->set_memory_limit_in_bytes(64 << 20);
  std::string busy = StartNew(pod_, config);
  StartNew(pod_, Sleeper("calm"));
  Ctl once(daemon().socket(), {"stats", "ctl-pod"});
  EXPECT_EQ(once.Wait(), 0) << once.errors();
  size_t first = once.shown().find("busy"), second = once.shown().find("calm");
  EXPECT_LT(first, second) << "the busiest first: " << once.shown();
  EXPECT_NE(once.shown().find(busy.substr(0, 12)), std::string::npos) << once.shown();
  EXPECT_NE(once.shown().find(" 64.0 MiB "), std::string::npos) << once.shown();
  EXPECT_EQ(once.shown().find(" 0.00 "), once.shown().rfind(" 0.00 ")) << "of one: " << once.shown();

  Ctl again(daemon().socket(), {"stats", "-w", "busy"});
  EXPECT_TRUE(again.Shows("CONTAINER"));
  EXPECT_TRUE(again.Shows("\n\nCONTAINER"));
  again.CloseOutput();
  EXPECT_EQ(again.Wait(), 0) << again.errors();
  EXPECT_EQ(again.shown().find("calm"), std::string::npos);
}

TEST_F(CtlTest, RunShowsAContainerItsLimitsAndHidesTheHosts) {
  Ctl ctl = Run({"run", "--rm", "--name", "ctl-run", "--memory", "64Mi", kImage, "sh", "-c",
                 "grep MemTotal /proc/meminfo; [ -c /proc/interrupts ] && echo masked; echo x > /proc/sys/kernel/domainname || true"});
  EXPECT_EQ(ctl.Wait(), 0) << ctl.errors();
  EXPECT_EQ(ctl.shown(), "MemTotal:          65536 kB\nmasked\n");
  EXPECT_NE(ctl.errors().find("Read-only file system"), std::string::npos) << ctl.errors();
  std::filesystem::remove(daemon().root() + "/logs");  // of all that run makes
}

TEST_F(CtlTest, AVerbThatIsNoneIsNamed) {
  Ctl ctl(daemon().socket(), {"start", "x"});
  EXPECT_EQ(ctl.Wait(), 2);
  EXPECT_EQ(ctl.errors(), "cradlectl: there is no verb \"start\": cradlectl --help shows them all\n");
}

}  // namespace
}  // namespace cradle::test
