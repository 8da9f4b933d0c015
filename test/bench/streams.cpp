#include "streams.h"

#include <sys/socket.h>

#include <cstdio>
#include <thread>

#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "must.h"
#include "samples.h"
#include "stream_client.h"

namespace cradle::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kNames[] = {"SPDY", "WebSocket"};  // by Wire

double SecondsSince(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

struct Pod {
  Pod(BenchNode& of, bool host_network) : node(of), id(of.RunPod("streams", host_network)) {
    container = node.Create(id, {"sleep", "1000000"});
    node.Start(container);
    shim = node.ShimOf(id);
  }
  ~Pod() { node.RemovePod(id); }
  BenchNode& node;
  std::string id, container;
  pid_t shim = 0;
};

void RoundTrips(Pod& pod, int rounds) {
  Samples samples;
  for (int round = -3; round < rounds; ++round) {
    if (round == 0) samples.Clear();
    samples.Time("ExecSync true", [&] { pod.node.Exec(pod.container, {"true"}); });
    for (Wire wire : {Wire::kSpdy, Wire::kWebSocket})
      samples.Time(Cat("exec session over ", kNames[static_cast<int>(wire)]), [&] {
        StreamClient client(pod.node.ExecUrl(pod.container, {"true"}, false), wire, Kind::kExec, false);
        std::string status = client.ReadToEnd();
        if (status.find("Success") == std::string::npos) throw std::runtime_error("exec: " + status);
      });
  }
  for (const std::string& name : samples.names()) std::printf("%-36s %8.2f ms\n", name.c_str(), samples.Median(name) / 1000);
}

// `shim`: its CPU time before.
void PrintRate(const char* name, int megabytes, Clock::time_point begin, Pod& pod, double shim) {
  double seconds = SecondsSince(begin), cpu = pod.node.CpuSeconds(pod.shim) - shim;
  std::printf("%-36s %8.0f MiB/s %12.2f shim CPU s/GiB\n", name, megabytes / seconds, cpu / megabytes * 1024);
}

void Throughput(Pod& pod, Wire wire, int megabytes) {
  const char* name = kNames[static_cast<int>(wire)];
  uint64_t size = static_cast<uint64_t>(megabytes) << 20;
  std::string count = Cat("count=", std::to_string(size >> 16));
  {
    StreamClient client(pod.node.ExecUrl(pod.container, {"dd", "if=/dev/zero", "bs=65536", count}, false), wire,
                        Kind::kExec, false);
    double shim = pod.node.CpuSeconds(pod.shim);
    auto begin = Clock::now();
    client.ReadOutput(size);
    PrintRate(Cat("exec output over ", name).c_str(), megabytes, begin, pod, shim);
    client.ReadToEnd();
  }
  StreamClient client(pod.node.ExecUrl(pod.container, {"dd", "of=/dev/null", "bs=65536"}, true), wire, Kind::kExec, true);
  std::string piece(StreamClient::kPiece, 'x');
  double shim = pod.node.CpuSeconds(pod.shim);
  auto begin = Clock::now();
  for (uint64_t sent = 0; sent < size; sent += piece.size()) client.Send(piece);
  client.EndInput();
  client.ReadToEnd();
  PrintRate(Cat("exec input over ", name).c_str(), megabytes, begin, pod, shim);
}

// A server on the node's loopback, which is the pod's. Each connection says what it wants by its first byte: 's' is sent
// data until it closes, anything else is sent back.
class Server {
 public:
  Server() : listener_(Must(sys::ListenTcp("127.0.0.1", 0, 128))), thread_([this] { Run(); }) {}
  ~Server() {
    stopped_ = true;
    thread_.join();
    for (std::thread& one : serving_) one.join();
  }
  int port() const { return Must(sys::LocalPort(listener_)); }

 private:
  void Run() {
    while (!stopped_) {
      if (!Must(sys::PollReadable(listener_, After(milliseconds(20))))) continue;
      UniqueFd accepted = Must(sys::Accept(listener_, 0));
      serving_.emplace_back([socket = std::move(accepted)] { Serve(socket); });
    }
  }
  static void Serve(FdRef socket) {
    std::string buffer(256 * 1024, 'x');
    auto got = sys::Read(socket, buffer.data(), buffer.size());
    bool sends = got.ok() && *got > 0 && buffer[0] == 's';
    while (got.ok() && *got > 0) {
      if (!sys::WriteAll(socket, buffer.data(), sends ? buffer.size() : *got).ok()) return;
      if (!sends) got = sys::Read(socket, buffer.data(), buffer.size());
    }
  }

  UniqueFd listener_;
  std::atomic<bool> stopped_ = false;
  std::vector<std::thread> serving_;
  std::thread thread_;
};

void Forward(Pod& pod, int rounds, int megabytes) {
  Server server;
  Samples samples;
  for (int round = -3; round < rounds; ++round) {
    if (round == 0) samples.Clear();
    samples.Time("port-forward: session and byte", [&] {
      StreamClient client(pod.node.ForwardUrl(pod.id), Wire::kSpdy, Kind::kForward, true, server.port());
      client.Send("e");
      client.ReadOutput(1);
    });
  }
  StreamClient echo(pod.node.ForwardUrl(pod.id), Wire::kSpdy, Kind::kForward, true, server.port());
  for (int i = 0; i < 20 * rounds; ++i)
    samples.Time("port-forward: round trip", [&] {
      echo.Send("e");
      echo.ReadOutput(static_cast<uint64_t>(i) + 1);
    });
  for (const std::string& name : samples.names()) std::printf("%-36s %8.2f ms\n", name.c_str(), samples.Median(name) / 1000);
  StreamClient client(pod.node.ForwardUrl(pod.id), Wire::kSpdy, Kind::kForward, true, server.port());
  double shim = pod.node.CpuSeconds(pod.shim);
  auto begin = Clock::now();
  client.Send("s");
  client.ReadOutput(static_cast<uint64_t>(megabytes) << 20);
  PrintRate("port-forward: to the client", megabytes, begin, pod, shim);
}

void Memory(Pod& pod) {
  int64_t before = pod.node.PssKilobytes(pod.shim), daemon = pod.node.RssKilobytes();
  std::vector<std::unique_ptr<StreamClient>> open;
  for (int i = 0; i < 10; ++i) {
    open.push_back(std::make_unique<StreamClient>(
        pod.node.ExecUrl(pod.container, {"sh", "-c", "echo; exec sleep 1000"}, true), Wire::kSpdy, Kind::kExec, true));
    open.back()->ReadOutput(1);
  }
  std::printf("%-36s %8lld KiB (aim: 1024)\n", "ten open sessions: shim and cradled",
              static_cast<long long>(pod.node.PssKilobytes(pod.shim) - before + pod.node.RssKilobytes() - daemon));
}

}  // namespace

void Streams(BenchNode& node, int rounds, int megabytes) {
  std::printf("\nStreaming, %d MiB each way\n", megabytes);
  Pod pod(node, true);
  RoundTrips(pod, rounds);
  for (Wire wire : {Wire::kSpdy, Wire::kWebSocket}) Throughput(pod, wire, megabytes);
  Forward(pod, rounds, megabytes);
  Memory(pod);
}

}  // namespace cradle::bench
