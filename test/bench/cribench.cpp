// cribench: what cradle takes for what a kubelet asks, beside the kernel's floor for the same. Starts a cradled of its
// own in its own mount and network namespace, prints tables, leaves nothing.
// usage: cribench [--smoke] [--streams | --views | --lists]
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>

#include "base/sys/process.h"
#include "bench_node.h"
#include "lists.h"
#include "samples.h"
#include "streams.h"
#include "support/machine.h"

namespace cradle::bench {
namespace {

struct Scale {
  int rounds = 60, pods = 50, viewed = 200, log_megabytes = 256, stream_megabytes = 1024;
  Crowd crowd = {100, 10};
  bool streams_only = false, lists_only = false, views_only = false;
};

// The floor's medians, by the names that Cycle uses.
std::map<std::string, double> RunFloor(const BenchNode& node, int rounds, const char* network) {
  std::string command = std::string(CRADLE_BUILD_DIR "/test/bench/floor ") + node.LayerDir() + " " CRADLE_BUILD_DIR
                        "/libexec/cradle/cradle-pause " + std::to_string(rounds) + " " + network;
  std::map<std::string, double> medians;
  FILE* out = ::popen(command.c_str(), "r");
  char line[256];
  while (out && std::fgets(line, sizeof line, out))
    if (char* tab = std::strchr(line, '\t')) medians[std::string(line, tab)] = std::atof(tab + 1);
  if (!out || ::pclose(out) != 0) throw std::runtime_error("failed: " + command);
  return medians;
}

void Cycle(BenchNode& node, Samples& samples, bool host_network) {
  std::string pod, container;
  samples.Time("whole cycle", [&] {
    samples.Time("nothing to RUNNING", [&] {
      samples.Time("RunPodSandbox", [&] { pod = node.RunPod("bench", host_network); });
      samples.Time("CreateContainer", [&] { container = node.Create(pod, {"sleep", "1000000"}); });
      samples.Time("StartContainer", [&] { node.Start(container); });
    });
    samples.Time("ExecSync true", [&] { node.Exec(container, {"/bin/true"}); });
    samples.Time("StopContainer", [&] { node.Stop(container); });
    samples.Time("RemoveContainer", [&] { node.Remove(container); });
    if (!host_network) samples.Add("of it CNI ADD", node.NetworkStep(pod));
    samples.Time("StopPodSandbox", [&] { node.StopPod(pod); });
    samples.Time("RemovePodSandbox", [&] { node.RemovePod(pod); });
  });
}

void Cycles(BenchNode& node, const Scale& scale, bool host_network) {
  Samples samples;
  constexpr int kWarmUp = 3;
  for (int round = -kWarmUp; round < scale.rounds; ++round) {
    if (round == 0) samples.Clear();
    Cycle(node, samples, host_network);
  }
  auto floor = RunFloor(node, scale.rounds, host_network ? "host" : "net");
  std::printf("\n%s network, medians of %d\n%-24s %10s %10s %8s\n", host_network ? "Host" : "Bridge", scale.rounds,
              "", "ms", "floor ms", "ratio");
  for (const std::string& name : samples.names()) {
    double micros = samples.Median(name);
    std::printf("%-24s %10.2f", name.c_str(), micros / 1000);
    if (floor.contains(name)) std::printf(" %10.2f %8.1f", floor[name] / 1000, micros / floor[name]);
    std::printf("\n");
  }
  if (!host_network) std::printf("(the floor has no network plugins: less what they take, where RunPodSandbox is compared)\n");
}

void Logs(BenchNode& node, const Scale& scale) {
  std::printf("\nLogs, %d MB of output\n%-24s %10s %14s\n", scale.log_megabytes, "", "MB/s", "shim CPU s/GB");
  std::string bytes = std::to_string(static_cast<int64_t>(scale.log_megabytes) << 20);
  const std::pair<const char*, int> kLines[] = {{"100-byte lines", 99}, {"8 KB lines", 8191}};
  for (auto [name, length] : kLines) {
    std::string pod = node.RunPod("logs", true);
    std::string script = "yes $(head -c " + std::to_string(length) + " /dev/zero | tr '\\0' x) | head -c " + bytes;
    double before = node.CpuSeconds(node.ShimOf(pod));
    std::string container = node.Create(pod, {"sh", "-c", script});
    node.Start(container);
    double seconds = node.WaitExited(container);
    double cpu = node.CpuSeconds(node.ShimOf(pod)) - before;
    std::printf("%-24s %10.0f %14.2f\n", name, scale.log_megabytes / seconds, cpu / scale.log_megabytes * 1024);
    node.RemovePod(pod);
  }
}

constexpr const char* kViewed[] = {"meminfo", "cpuinfo", "stat", "uptime", "loadavg", "swaps", "diskstats"};

struct Reads {
  double first = 0, fresh = 0, median = 0;  // microseconds; fresh: the median of those that had to be computed
};
using Micros = std::map<std::string, Reads>;  // by path

Micros ReadFiles(BenchNode& node, const std::string& container, int rounds) {
  std::vector<std::string> command = {"/reader", std::to_string(rounds)};
  for (const char* file : kViewed) command.push_back(std::string("/proc/") + file);
  std::istringstream lines(node.Exec(container, command));
  Micros out;
  std::string path;
  for (Reads reads; lines >> path >> reads.first >> reads.fresh >> reads.median;) out[path] = reads;
  return out;
}

// Medians of one read in each of many containers after the other, by path: each is computed, and nobody has slept before
// it. From outside, by the containers' roots.
Samples ReadInTurn(const std::vector<std::string>& roots, int rounds) {
  Samples out;
  static char text[64 * 1024];
  for (int round = 0; round < rounds; ++round) {
    ::usleep(11'000);  // few containers are read through in less than a text's age
    for (const char* file : kViewed)
      for (const std::string& root : roots)
        out.Time(std::string("/proc/") + file, [&, path = root + "/proc/" + file] {
          UniqueFd view(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
          if (!view.valid()) throw std::runtime_error("open " + path);
          while (::read(view.get(), text, sizeof text) > 0) {
          }
        });
  }
  return out;
}

// Debian's lxcfs for comparison, where it is installed: its own directory, files bound over /proc as its users do.
class Lxcfs {
 public:
  explicit Lxcfs(const std::string& dir) : dir_(dir) {
    if (::access("/usr/bin/lxcfs", X_OK) != 0) return;
    std::filesystem::create_directories(dir_);
    pid_ = ::fork();
    if (pid_ == 0) {
      int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
      for (int fd : {0, 1, 2}) ::dup2(null, fd);
      ::execl("/usr/bin/lxcfs", "lxcfs", "-f", "-l", dir_.c_str(), nullptr);
      ::_exit(127);
    }
    if (!test::Eventually([&] { return ::access((dir_ + "/proc/meminfo").c_str(), R_OK) == 0; })) pid_ = 0;
  }
  ~Lxcfs() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  bool runs() const { return pid_ > 0; }
  std::vector<std::pair<std::string, std::string>> Mounts() const {
    std::vector<std::pair<std::string, std::string>> out;
    for (const char* file : kViewed) out.emplace_back(dir_ + "/proc/" + file, std::string("/proc/") + file);
    return out;
  }

 private:
  const std::string dir_;
  pid_t pid_ = 0;
};

void Views(BenchNode& node, const Scale& scale) {
  const std::pair<std::string, std::string> reader = {CRADLE_BUILD_DIR "/test/bench/reader", "/reader"};
  const int rounds = scale.rounds * 10;
  constexpr int kTurns = 10;
  std::string pod = node.RunPod("views", true);
  auto make = [&](std::vector<std::pair<std::string, std::string>> mounts) {
    mounts.push_back(reader);
    std::string container = node.Create(pod, {"sleep", "1000000"}, mounts);
    node.Start(container);
    return container;
  };
  std::string first = make({});
  Micros alone = ReadFiles(node, first, rounds);
  std::vector<std::string> others, roots;
  for (int i = 1; i < scale.viewed; ++i) {
    // Ten in a pod, also in the one that is looked at.
    if (i % 10 == 0) others.push_back(node.RunPod("viewed-" + std::to_string(i), true));
    std::string other = node.Create(others.empty() ? pod : others.back(), {"sleep", "1000000"});
    node.Start(other);
    roots.push_back("/proc/" + std::to_string(node.PidOf(other)) + "/root");
  }
  Micros among_many = ReadFiles(node, first, rounds);
  Samples in_turn = ReadInTurn(roots, kTurns);
  for (const std::string& other : others) node.RemovePod(other);
  Micros plain = ReadFiles(node, [&] {
    std::string bare = node.Create(pod, {"sleep", "1000000"}, {reader, {"/proc", "/proc"}});
    node.Start(bare);
    return bare;
  }(), rounds);
  Lxcfs lxcfs(node.Dir() + "/lxcfs");
  Micros peer;
  if (lxcfs.runs()) peer = ReadFiles(node, make(lxcfs.Mounts()), rounds);
  const std::string among = "among " + std::to_string(scale.viewed);
  std::printf("\n/proc views, open+read+close, microseconds%s\n%-18s %10s %10s %10s %10s %10s %10s %10s %10s", peer.empty() ? " (lxcfs is not installed)" : "",
              "", "the first", "computed", "median", among.c_str(), "computed", "in turn", "kernel's", "paused");
  if (!peer.empty()) std::printf(" %10s %14s %10s", "lxcfs", "lxcfs's first", "computed");
  std::printf("\n");
  for (const auto& [path, times] : alone) {
    std::printf("%-18s %10.0f %10.0f %10.0f %10.0f %10.0f %10.0f %10.0f %10.0f", path.c_str(), times.first, times.fresh, times.median,
                among_many[path].median, among_many[path].fresh, in_turn.Median(path), plain[path].median, plain[path].fresh);
    if (!peer.empty()) std::printf(" %10.0f %14.0f %10.0f", peer[path].median, peer[path].first, peer[path].fresh);
    std::printf("\n");
  }
  node.RemovePod(pod);
}

void AllLists(BenchNode& node, const Scale& scale) {
  Lists(node, {scale.pods, 1}, scale.rounds * 5);
  Lists(node, scale.crowd, scale.rounds);
}

int Main(const Scale& scale) {
  test::EnterPrivateMachine();
  BenchNode node;
  std::printf("%s, %ld processors, %d rounds\n", node.Describe().c_str(), ::sysconf(_SC_NPROCESSORS_ONLN), scale.rounds);
  if (scale.views_only) return Views(node, scale), 0;
  if (scale.lists_only) return AllLists(node, scale), 0;
  if (scale.streams_only) return Streams(node, scale.rounds, scale.stream_megabytes), 0;
  Cycles(node, scale, true);
  Cycles(node, scale, false);
  Logs(node, scale);
  Streams(node, scale.rounds, scale.stream_megabytes);
  Views(node, scale);
  AllLists(node, scale);
  return 0;
}

}  // namespace
}  // namespace cradle::bench

int main(int argc, char** argv) {
  cradle::bench::Scale scale;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--smoke") == 0) {
      scale.rounds = 3, scale.pods = 5, scale.log_megabytes = scale.stream_megabytes = 16;
      scale.viewed = 20;
      scale.crowd = {3, 4};
    } else if (std::strcmp(argv[i], "--streams") == 0) {
      scale.streams_only = true;
    } else if (std::strcmp(argv[i], "--views") == 0) {
      scale.views_only = true;
    } else if (std::strcmp(argv[i], "--lists") == 0) {
      scale.lists_only = true;
    } else {
      std::fprintf(stderr, "usage: cribench [--smoke] [--streams | --views | --lists]\n");
      return 2;
    }
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  cradle::sys::IgnoreSignal(SIGPIPE);
  try {
    return cradle::bench::Main(scale);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cribench: %s\n", error.what());
    return 1;
  }
}
