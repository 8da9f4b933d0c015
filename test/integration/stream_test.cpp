// Exec and Attach over SPDY: what flows, how it ends, what a bad client costs, and what is left: nothing.
#include <signal.h>

#include <filesystem>
#include <thread>

#include "held_pipe.h"
#include "stream_base.h"

namespace cradle::test {
namespace {

constexpr char kSuccess[] = R"({"metadata":{},"status":"Success"})";

// Of a process with these arguments.
pid_t Find(const std::string& command) {
  pid_t pid = 0;
  EXPECT_TRUE(Eventually([&] {
    for (const Process& process : Descendants({}))
      if (process.command == command + " ") pid = process.pid;
    return pid != 0;
  }));
  return pid;
}
std::string Fd(pid_t pid, int fd) { return "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd); }

class StreamExec : public StreamBase {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    pod_ = RunPod(PodConfig("pod"));
    container_ = StartNew(pod_, Sleeper("c"));
  }
  std::string pod_, container_;
};

TEST_F(StreamExec, GivesOutputAndCode) {
  SpdyClient client(ExecUrl(container_, "printf out; printf err >&2; exit 3"));
  auto streams = OpenStreams(client, false, false);
  EXPECT_TRUE(client.ReadToEnd());
  EXPECT_EQ(client.stream(streams.out).data, "out");
  EXPECT_EQ(client.stream(streams.err).data, "err");
  EXPECT_TRUE(client.stream(streams.out).ended);
  EXPECT_TRUE(client.stream(streams.error).ended);
  EXPECT_NE(client.stream(streams.error).data.find(R"({"reason":"ExitCode","message":"3"})"), std::string::npos);
}

TEST_F(StreamExec, StartsNothingBeforeAllStreamsAreThere) {
  SpdyClient client(ExecUrl(container_, "touch /tmp/ran; echo ran"));
  client.Open("error");
  uint32_t out = client.Open("stdout");
  ASSERT_TRUE(client.ReadUntil([&] { return client.stream(out).replied; }));
  EXPECT_NE(NodeTest::Exec(container_, {"test", "-e", "/tmp/ran"}).exit_code(), 0);
  client.Open("stderr");
  EXPECT_TRUE(client.ReadToEnd());
  EXPECT_EQ(client.stream(out).data, "ran\n");
}

TEST_F(StreamExec, CarriesMegabytesBothWays) {
  SpdyClient client(ExecUrl(container_, "cat; echo done >&2", true));
  auto streams = OpenStreams(client, true, false);
  std::string sent(48 << 20, '\0');
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 2654435761u >> 13);
  std::thread writer([&] {
    for (size_t at = 0; at < sent.size(); at += 100'000)
      client.Send(streams.in, std::string_view(sent).substr(at, 100'000));
    client.Send(streams.in, {}, true);
  });
  EXPECT_TRUE(client.ReadToEnd());
  writer.join();
  EXPECT_TRUE(client.stream(streams.out).data == sent);
  EXPECT_EQ(client.stream(streams.err).data, "done\n");
  EXPECT_EQ(client.stream(streams.error).data, kSuccess);
}

TEST_F(StreamExec, TakesInputAfterTheCommandClosedItsOutput) {
  SpdyClient client(ExecUrl(container_, "exec >&-; cat > /tmp/in; sha1sum /tmp/in >&2", true));
  auto streams = OpenStreams(client, true, false);
  std::string piece(100'000, 'x');
  for (int i = 0; i < 20; ++i) client.Send(streams.in, piece);
  client.Send(streams.in, {}, true);
  EXPECT_TRUE(client.ReadToEnd());
  EXPECT_EQ(NodeTest::Exec(container_, {"wc", "-c", "/tmp/in"}).stdout(), "2000000 /tmp/in\n");
}

TEST_F(StreamExec, EndsWithItsCommandThoughTheClientKeepsStdinOpen) {
  SpdyClient client(ExecUrl(container_, "echo hello", true, true));
  auto streams = OpenStreams(client, true, true);
  EXPECT_TRUE(client.ReadToEnd());
  EXPECT_EQ(client.stream(streams.out).data, "hello\r\n");
  EXPECT_EQ(client.stream(streams.error).data, kSuccess);
}

TEST_F(StreamExec, DoesNotWaitForWhatTheCommandLeftBehind) {
  SpdyClient client(ExecUrl(container_, "sleep 33333 & echo started"));
  auto streams = OpenStreams(client, false, false);
  EXPECT_TRUE(client.ReadToEnd());
  EXPECT_EQ(client.stream(streams.out).data, "started\n");
  EXPECT_TRUE(Eventually([&] { return Runs(container_, "sleep 33333"); }));
}

// Who else has the command's pipes open sleeps inside their locks: at its input, and while it ends at its output. A child
// has that open too, else the command couldn't end.
TEST_F(StreamExec, APipeThatIsHeldHoldsUpNobodyElse) {
  SpdyClient client(ExecUrl(container_, "sleep 76552 & exec sleep 76553", true));
  auto streams = OpenStreams(client, true, false);
  const pid_t child = Find("sleep 76552"), command = Find("sleep 76553");
  ASSERT_TRUE(child != 0 && command != 0);
  {
    HeldPipe input(Fd(command, 0));
    client.Send(streams.in, "typed");
    EXPECT_EQ(NodeTest::Exec(container_, {"echo", "on"}).stdout(), "on\n");
  }
  {
    HeldPipe output(Fd(command, 1));
    ASSERT_EQ(::kill(command, SIGKILL), 0);
    EXPECT_TRUE(Eventually([&] { return ::kill(command, 0) != 0; }));
    EXPECT_EQ(NodeTest::Exec(container_, {"echo", "on"}).stdout(), "on\n");
  }
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  EXPECT_TRUE(client.ReadToEnd());
  EXPECT_EQ(client.stream(streams.out).data, std::string(1, '\0'));
  EXPECT_NE(client.stream(streams.error).data.find(R"("message":"137")"), std::string::npos);
}

TEST_F(StreamExec, HasATerminalOfTheClientsSize) {
  SpdyClient client(ExecUrl(container_, "read go; stty size; echo $TERM", true, true));
  auto streams = OpenStreams(client, true, true);
  client.Send(streams.resize, R"({"Width":101,"Height":37})");
  client.Send(streams.in, "go\n");
  EXPECT_TRUE(client.ReadToEnd());
  EXPECT_NE(client.stream(streams.out).data.find("37 101\r\nxterm\r\n"), std::string::npos)
      << client.stream(streams.out).data;
}

TEST_F(StreamExec, SaysThatTheProgramIsMissing) {
  v1::ExecRequest request;
  request.set_container_id(container_);
  request.add_cmd("/no/such/program");
  request.set_stdout(true);
  request.set_stderr(true);
  SpdyClient client(Must(CRI_CALL(Exec, request)).url());
  auto streams = OpenStreams(client, false, false);
  EXPECT_TRUE(client.ReadToEnd());
  EXPECT_NE(client.stream(streams.error).data.find("InternalError"), std::string::npos);
  EXPECT_NE(client.stream(streams.error).data.find("/no/such/program"), std::string::npos);
}

TEST_F(StreamExec, GoesWithItsClient) {
  SpdyClient pipes(ExecUrl(container_, "echo; trap '' HUP PIPE; sleep 44444 & wait", true));
  auto streams = OpenStreams(pipes, true, false);
  SpdyClient terminal(ExecUrl(container_, "echo; exec sleep 55555", true, true));
  auto tty = OpenStreams(terminal, true, true);
  ASSERT_TRUE(pipes.ReadUntil([&] { return !pipes.stream(streams.out).data.empty(); }));
  ASSERT_TRUE(terminal.ReadUntil([&] { return !terminal.stream(tty.out).data.empty(); }));
  EXPECT_TRUE(Runs(container_, "sleep 44444"));
  pipes.Close();
  terminal.Close();
  EXPECT_TRUE(Eventually([&] { return !Runs(container_, "sleep 55555"); }));
  EXPECT_TRUE(Eventually([&] { return !Runs(container_, "sleep 44444"); }));
}

TEST_F(StreamExec, ASlowReaderHoldsUpNobody) {
  SpdyClient slow(ExecUrl(container_, "yes xxxxxxxxxxxxxxxx | head -c 100000000; echo end >&2"), "v4.channel.k8s.io", 4096);
  auto streams = OpenStreams(slow, false, false);
  ASSERT_TRUE(slow.ReadUntil([&] { return !slow.stream(streams.out).data.empty(); }));
  EXPECT_EQ(NodeTest::Exec(container_, {"echo", "alive"}).stdout(), "alive\n");
  SpdyClient other(ExecUrl(container_, "echo hello"));
  auto others = OpenStreams(other, false, false);
  EXPECT_TRUE(other.ReadToEnd());
  EXPECT_EQ(other.stream(others.out).data, "hello\n");
  EXPECT_TRUE(slow.ReadToEnd());
  EXPECT_EQ(slow.stream(streams.out).data.size(), 100'000'000u);
  EXPECT_EQ(slow.stream(streams.err).data, "end\n");
}

TEST_F(StreamExec, OutlivesTheDaemon) {
  SpdyClient client(ExecUrl(container_, "read a; echo got $a; read b; echo got $b; exit 4", true));
  auto streams = OpenStreams(client, true, false);
  client.Send(streams.in, "one\n");
  ASSERT_TRUE(client.ReadUntil([&] { return client.stream(streams.out).data == "got one\n"; }));
  KillDaemon();
  client.Send(streams.in, "two\n");
  EXPECT_TRUE(client.ReadToEnd());
  EXPECT_EQ(client.stream(streams.out).data, "got one\ngot two\n");
  EXPECT_NE(client.stream(streams.error).data.find(R"("message":"4")"), std::string::npos);
  NodeTest::Restart();
}

TEST_F(StreamExec, EndsWithItsShim) {
  SpdyClient client(ExecUrl(container_, "trap '' HUP; echo; sleep 77777", true));
  auto streams = OpenStreams(client, true, false);
  ASSERT_TRUE(client.ReadUntil([&] { return !client.stream(streams.out).data.empty(); }));
  KillShim(pod_);
  EXPECT_TRUE(client.ReadToEnd());
  EXPECT_FALSE(Runs(container_, "sleep 77777"));
  SpdyClient next(ExecUrl(container_, "cat; exit 3", true));
  auto others = OpenStreams(next, true, false);
  next.Send(others.in, "again", true);
  EXPECT_TRUE(next.ReadToEnd());
  EXPECT_EQ(next.stream(others.out).data, "again");
  EXPECT_NE(next.stream(others.error).data.find(R"("message":"3")"), std::string::npos);
}

TEST_F(StreamExec, IsToldWhenItsPodIsStopped) {
  SpdyClient client(ExecUrl(container_, "echo; sleep 66666"));
  auto streams = OpenStreams(client, false, false);
  ASSERT_TRUE(client.ReadUntil([&] { return !client.stream(streams.out).data.empty(); }));
  StopPod(pod_);
  EXPECT_TRUE(client.ReadToEnd());
  EXPECT_NE(client.stream(streams.error).data.find("Failure"), std::string::npos) << client.stream(streams.error).data;
}

TEST_F(StreamExec, RunsAHundredAtOnce) {
  std::vector<std::unique_ptr<SpdyClient>> clients;
  std::vector<CommandStreams> streams;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(
        std::make_unique<SpdyClient>(ExecUrl(container_, "read x; echo $x " + std::to_string(i), true)));
    streams.push_back(OpenStreams(*clients.back(), true, false));
  }
  for (size_t i = 0; i < clients.size(); ++i) clients[i]->Send(streams[i].in, "go\n");
  for (size_t i = 0; i < clients.size(); ++i) {
    EXPECT_TRUE(clients[i]->ReadToEnd());
    EXPECT_EQ(clients[i]->stream(streams[i].out).data, "go " + std::to_string(i) + "\n");
  }
}

TEST_F(StreamExec, AbortedSessionsLeaveNothing) {
  pid_t shim = ShimOf(pod_);
  size_t before = FdsOf(shim);
  for (int i = 0; i < 300; ++i) {
    SpdyClient client(ExecUrl(container_, "cat; cat", true));
    if (i % 3 == 0) continue;
    auto streams = OpenStreams(client, true, false);
    if (i % 3 == 1) client.Send(streams.in, "x");
    if (i % 3 == 2) client.SendRaw("this is no SPDY at all");
  }
  EXPECT_TRUE(Eventually([&] { return FdsOf(shim) <= before; })) << before << " -> " << FdsOf(shim);
  EXPECT_TRUE(Eventually([&] { return !Runs(container_, "cat; cat"); }));
}

TEST_F(StreamExec, TokensAreGoodOnceAndForTheirKind) {
  std::string url = ExecUrl(container_, "true");
  {
    SpdyClient first(url);
    EXPECT_EQ(first.status(), 101);
    OpenStreams(first, false, false);
    EXPECT_TRUE(first.ReadToEnd());
  }
  EXPECT_EQ(SpdyClient(url).status(), 404);
  std::string other = ExecUrl(container_, "true");
  other.replace(other.find("/exec/"), 6, "/attach/");
  EXPECT_EQ(SpdyClient(other).status(), 404);
  SpdyClient wrong(ExecUrl(container_, "true"), "v9.channel.k8s.io");
  EXPECT_EQ(wrong.status(), 403);
  EXPECT_NE(wrong.response().find("X-Accepted-Stream-Protocol-Versions: v4.channel.k8s.io"), std::string::npos);
}

TEST_F(StreamExec, AContainerThatHasEndedIsTold) {
  std::string url = ExecUrl(container_, "true");
  StopContainer(container_, 0);
  SpdyClient client(url);
  EXPECT_EQ(client.status(), 500);
  EXPECT_NE(client.response().find("is not running"), std::string::npos);
}

TEST_F(StreamExec, ArgumentsAreChecked) {
  auto code = [&](auto change) {
    v1::ExecRequest request;
    request.set_container_id(container_);
    request.add_cmd("true");
    request.set_stdout(true);
    change(request);
    return CRI_CALL(Exec, request).code();
  };
  EXPECT_EQ(code([](v1::ExecRequest& r) { r.set_tty(true), r.set_stderr(true); }), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(code([](v1::ExecRequest& r) { r.set_stdout(false); }), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(code([](v1::ExecRequest& r) { r.clear_container_id(); }), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(code([](v1::ExecRequest& r) { r.clear_cmd(); }), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(code([](v1::ExecRequest& r) { r.set_container_id("ffff"); }), grpc::NOT_FOUND);
}

class StreamAttach : public StreamBase {};

TEST_F(StreamAttach, SeveralGetTheOutputAndTheLogGetsAll) {
  auto config = Shell("c", "while read x; do echo got $x; echo err $x >&2; done; echo end");
  config.set_stdin(true);
  config.set_stdin_once(true);
  std::string container = StartNew(RunPod(PodConfig("pod")), config);
  SpdyClient typing(AttachUrl(container, true)), watching(AttachUrl(container));
  auto typed = OpenStreams(typing, true, false), watched = OpenStreams(watching, false, false);
  ASSERT_TRUE(watching.ReadUntil([&] { return watching.stream(watched.err).replied; }));
  // An attached client sees what comes from then on: until both say so, again.
  ASSERT_TRUE(Eventually([&] {
    typing.Send(typed.in, "a\n");
    auto has = [](SpdyClient& client, CommandStreams& streams) {
      auto got = [&] { return client.stream(streams.out).data.find("got a\n") != std::string::npos; };
      return client.ReadUntil(got, 100);
    };
    return has(typing, typed) && has(watching, watched);
  }));
  typing.Send(typed.in, "b\n", true);
  EXPECT_TRUE(typing.ReadToEnd());
  EXPECT_TRUE(watching.ReadToEnd());
  for (auto* one : {&typing, &watching}) {
    const auto& streams = one == &typing ? typed : watched;
    EXPECT_NE(one->stream(streams.out).data.find("got b\nend\n"), std::string::npos);
    EXPECT_NE(one->stream(streams.err).data.find("err b\n"), std::string::npos);
    EXPECT_EQ(one->stream(streams.error).data, kSuccess);
  }
  EXPECT_EQ(WaitExited(container).exit_code(), 0);
  EXPECT_TRUE(WaitForLog(container, "end"));
}

TEST_F(StreamAttach, WithoutStdinOnceTheContainersInputStaysOpen) {
  auto config = Shell("c", "while read x; do echo got $x; done");
  config.set_stdin(true);
  std::string container = StartNew(RunPod(PodConfig("pod")), config);
  for (std::string word : {"one", "two"}) {
    SpdyClient client(AttachUrl(container, true));
    auto streams = OpenStreams(client, true, false);
    client.Send(streams.in, word + "\n");
    ASSERT_TRUE(client.ReadUntil([&] { return client.stream(streams.out).data == "got " + word + "\n"; }));
    client.Send(streams.in, {}, true);
    EXPECT_TRUE(client.ReadToEnd());
    EXPECT_EQ(client.stream(streams.error).data, kSuccess);
  }
  EXPECT_EQ(StatusOf(container).state(), v1::CONTAINER_RUNNING);
}

TEST_F(StreamAttach, AnInputThatIsHeldHoldsUpNobodyElse) {
  auto config = Shell("c", "while read x; do echo got $x; done");
  config.set_stdin(true);
  std::string container = StartNew(RunPod(PodConfig("pod")), config);
  SpdyClient client(AttachUrl(container, true));
  auto streams = OpenStreams(client, true, false);
  {
    HeldPipe input(Fd(PidOf(container), 0));
    client.Send(streams.in, "one\n");
    EXPECT_EQ(NodeTest::Exec(container, {"echo", "on"}).stdout(), "on\n");
  }
  EXPECT_TRUE(client.ReadUntil([&] { return client.stream(streams.out).data.ends_with("one\n"); }));
}

TEST_F(StreamAttach, ASlowReaderLosesItsOwnConnectionOnly) {
  // More than its sockets and its queue hold; in long lines, for a log of the same size.
  auto config = Shell("c", "read go; head -c 16000000 /dev/zero | tr '\\0' x | fold -w 4000; echo; echo end");
  config.set_stdin(true);
  std::string container = StartNew(RunPod(PodConfig("pod")), config);
  SpdyClient slow(AttachUrl(container, true), "v4.channel.k8s.io", 4096);
  auto streams = OpenStreams(slow, true, false);
  ASSERT_TRUE(slow.ReadUntil([&] { return slow.stream(streams.err).replied; }));
  slow.Send(streams.in, "go\n");
  EXPECT_EQ(WaitExited(container).exit_code(), 0);
  EXPECT_EQ(LogLines(container).size(), 4001u);
  EXPECT_TRUE(slow.ReadToEnd());
  EXPECT_NE(slow.stream(streams.error).data.find("reads too slowly"), std::string::npos);
}

TEST_F(StreamAttach, TerminalsAreShared) {
  auto config = Shell("c", "while read x; do echo got $x; stty size; done");
  config.set_stdin(true);
  config.set_tty(true);
  std::string container = StartNew(RunPod(PodConfig("pod")), config);
  SpdyClient client(AttachUrl(container, true, true));
  auto streams = OpenStreams(client, true, true);
  client.Send(streams.resize, R"({"Width":90,"Height":30})");
  client.Send(streams.in, "x\n");
  EXPECT_TRUE(client.ReadUntil([&] { return client.stream(streams.out).data.find("30 90\r\n") != std::string::npos; }));
  client.Close();
  EXPECT_EQ(StatusOf(container).state(), v1::CONTAINER_RUNNING);
}

TEST_F(StreamAttach, ASuccessorOfTheShimHasInputAndOutput) {
  std::string pod = RunPod(PodConfig("pod"));
  for (bool tty : {false, true}) {
    auto config = Shell(tty ? "terminal" : "pipes", "while read x; do echo got $x; done; exit 4");
    config.set_stdin(true);
    config.set_stdin_once(true);
    config.set_tty(tty);
    std::string container = StartNew(pod, config);
    std::string end = tty ? "\r\n" : "\n";
    for (std::string word : {"one", "two"}) {
      SpdyClient client(AttachUrl(container, true, tty));
      auto streams = OpenStreams(client, true, tty);
      client.Send(streams.in, word + "\n");
      ASSERT_TRUE(client.ReadUntil(
          [&] { return client.stream(streams.out).data.find("got " + word + end) != std::string::npos; }));
      KillShim(pod);
      EXPECT_TRUE(client.ReadToEnd());
      EXPECT_EQ(NodeTest::Exec(container, {"echo", "alive"}).stdout(), "alive\n");
    }
    SpdyClient last(AttachUrl(container, true, tty));
    auto streams = OpenStreams(last, true, tty);
    last.Send(streams.in, tty ? "\4" : "", !tty);
    EXPECT_TRUE(last.ReadToEnd());
    EXPECT_EQ(WaitExited(container).exit_code(), 4);
  }
}

}  // namespace
}  // namespace cradle::test
