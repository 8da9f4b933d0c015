// pullbench: what pulls and removals of images cost, through a cradled of its own in its own mount and network namespace,
// from Debian's docker-registry on loopback over HTTP, as a kubelet asks for them. test/bench/pull makes the images.
// usage: pullbench STORAGE ROUNDS [IMAGE...]    STORAGE: the registry's folder; it has small:1, middle:1, large:1
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

#include "base/sys/file.h"
#include "base/sys/process.h"
#include "base/sys/socket.h"
#include "base/tree_size.h"
#include "pull_floor.h"
#include "samples.h"
#include "support/cri.h"
#include "support/daemon.h"
#include "support/machine.h"

namespace cradle::bench {
namespace {

namespace fs = std::filesystem;
namespace v1 = ::runtime::v1;
using Images = v1::ImageService::Stub;
using test::Call;
using test::Must;

constexpr char kRegistry[] = "127.0.0.1:5000";
constexpr std::chrono::minutes kLongest{10};

template <class T>
T Value(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.error().text());
  return std::move(*result);
}

class Registry {
 public:
  explicit Registry(const std::string& storage) : storage_(storage) {
    test::WriteText(dir_.path() + "/registry.yml",
                    "version: 0.1\nlog: {accesslog: {disabled: true}, level: error}\nstorage: {filesystem: {rootdirectory: " +
                        storage + "}}\nhttp: {addr: \"" + kRegistry + "\"}\n");
    UniqueFd log = Value(sys::OpenAt(kCwd, dir_.path() + "/log", O_WRONLY | O_CREAT, 0600));
    sys::SpawnOptions options;
    options.program = "/usr/bin/docker-registry";
    options.args = {"docker-registry", "serve", dir_.path() + "/registry.yml"};
    options.env = {"OTEL_TRACES_EXPORTER=none"};
    options.fds = {{log.ref(), 1}, {log.ref(), 2}};
    child_ = Value(sys::Spawn(options));
    auto answers = [] { return sys::ConnectTcp("127.0.0.1", 5000, After(seconds(1))).ok(); };
    if (!test::Eventually(answers)) throw std::runtime_error(test::ReadText(dir_.path() + "/log"));
  }
  ~Registry() {
    (void)sys::PidfdSendSignal(child_.pidfd, SIGKILL);
    (void)sys::WaitPidfd(child_.pidfd, After(seconds(60)));
  }
  // What it has to send must come from the disk again.
  void Forget() const {
    for (const auto& entry : fs::recursive_directory_iterator(storage_)) {
      if (!entry.is_regular_file()) continue;
      UniqueFd file = Value(sys::OpenAt(kCwd, entry.path(), O_RDONLY));
      ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
    }
  }

 private:
  const std::string storage_;
  test::TempDir dir_;
  sys::Child child_;
};

// Milliseconds that the daemon, its children and theirs have used, once they have ended.
double CpuMillis(pid_t pid) {
  std::string text = test::ReadText("/proc/" + std::to_string(pid) + "/stat");
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  double sum = 0, ticks = 0;
  for (int i = 0; i < 4 && fields >> ticks; ++i) sum += ticks;
  return sum * 1000 / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

uint64_t BytesOf(const std::string& dir) {
  UniqueFd opened = Value(sys::OpenAt(kCwd, dir, O_RDONLY | O_DIRECTORY));
  return Value(MeasureTree(opened)).bytes;
}

double PssMegabytes(const std::string& pid) {
  for (const std::string& line : test::Lines(test::ReadText("/proc/" + pid + "/smaps_rollup")))
    if (line.starts_with("Pss:")) return std::stod(line.substr(4)) / 1024;
  return 0;
}

// The most that the daemon and its unpackers had at once, looked at again and again until its end.
class MemoryWatch {
 public:
  explicit MemoryWatch(pid_t daemon) : thread_([this, daemon](std::stop_token stop) {
    std::string children = "/proc/" + std::to_string(daemon) + "/task";
    while (!stop.stop_requested()) {
      double sum = PssMegabytes(std::to_string(daemon));
      for (const auto& task : fs::directory_iterator(children)) {
        std::istringstream pids(test::ReadText(task.path().string() + "/children"));
        // A child that has not yet become another program is the daemon's own memory once more.
        for (std::string pid; pids >> pid;)
          if (test::ReadText("/proc/" + pid + "/comm") == "cradle-unpack\n") sum += PssMegabytes(pid);
      }
      peak_ = std::max(peak_, sum);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }) {}
  double Peak() {
    thread_.request_stop();
    thread_.join();
    return peak_;
  }

 private:
  double peak_ = 0;
  std::jthread thread_;
};

class Bench {
 public:
  explicit Bench(const std::string& storage) : storage_(storage), registry_(storage), cri_(daemon_.socket()) {
    if (!daemon_.Start()) throw std::runtime_error("cradled ended at once:\n" + daemon_.log());
  }

  void Measure(const std::string& name, int rounds) {
    Samples samples;
    for (int round = 0; round < rounds; ++round) {
      if (round == rounds - 1) registry_.Forget();
      double cpu = CpuMillis(daemon_.pid());
      auto began = std::chrono::steady_clock::now();
      samples.Time(round == rounds - 1 ? "cold" : "pull", [&] { Pull(name); });
      samples.Add("cpu", (CpuMillis(daemon_.pid()) - cpu) * 1000);
      test::Eventually([&] { return AllDurable(); });
      samples.Add("durable", std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - began).count());
      samples.Time("again", [&] { Pull(name); });
      files_ = FileBytes();
      disk_ = BytesOf(daemon_.root() + "/images");
      Copy();
      uint64_t discards = DiscardsOf(daemon_.root());
      samples.Time("remove", [&] { Remove(name); });
      samples.Add("discards", static_cast<double>(DiscardsOf(daemon_.root()) - discards));
      samples.Time("rm", [&] { Shell("rm -rf " + CopyDir()); });
    }
    MemoryWatch watch(daemon_.pid());
    Pull(name);
    double peak = watch.Peak();
    Remove(name);
    std::printf("%-8s %8.0f %8.0f %8.0f %8.1f %8.0f %8.0f %8.0f %8.0f %8.0f %8.1f %8.1f %7.2f\n", name.c_str(),
                FloorMillis(storage_, name), samples.Median("pull") / 1000, samples.Median("cold") / 1000,
                samples.Median("again") / 1000, samples.Median("durable") / 1000, samples.Median("cpu") / 1000,
                samples.Median("remove") / 1000, samples.Median("discards"), samples.Median("rm") / 1000, peak,
                static_cast<double>(files_) / 1e6, 100.0 * (static_cast<double>(disk_) / static_cast<double>(files_) - 1));
  }

 private:
  static std::string Reference(const std::string& name) { return std::string(kRegistry) + "/" + name + ":1"; }
  void Pull(const std::string& name) {
    v1::PullImageRequest request;
    request.mutable_image()->set_image(Reference(name));
    Must(Call(cri_.images(), &Images::PullImage, request, kLongest));
  }
  void Remove(const std::string& name) {
    v1::RemoveImageRequest request;
    request.mutable_image()->set_image(Reference(name));
    Must(Call(cri_.images(), &Images::RemoveImage, request, kLongest));
  }
  static void Shell(const std::string& command) {
    if (std::system(command.c_str()) != 0) throw std::runtime_error(command + " fails");
  }
  std::string CopyDir() const { return daemon_.root() + "/copy"; }
  // The same files beside the store, safe on the disk too.
  void Copy() { Shell("cp -a " + LayersDir() + " " + CopyDir() + " && sync -f " + CopyDir()); }
  std::string LayersDir() const { return daemon_.root() + "/images/layers"; }
  bool AllDurable() const {
    for (const auto& layer : fs::directory_iterator(LayersDir()))
      if (!fs::exists(layer.path() / "durable")) return false;
    return true;
  }
  // Of the unpacked files alone.
  uint64_t FileBytes() const {
    uint64_t sum = 0;
    for (const auto& layer : fs::directory_iterator(LayersDir()))
      sum += BytesOf(layer.path() / "fs");
    return sum;
  }

  const std::string storage_;
  Registry registry_;
  test::Daemon daemon_;
  test::Cri cri_;
  uint64_t files_ = 0, disk_ = 0;
};

int Main(const std::string& storage, int rounds, const std::vector<std::string>& images) {
  test::EnterPrivateMachine();
  Bench bench(storage);
  std::printf("Pulls and removals, medians of %d; floor: decompression and digests of the same layers alone, on all processors; cold: what\n"
              "the registry sends comes from its disk; again: of what is here; durable: until all is safe on the disk; discards: of the\n"
              "removal, each a request to the disk; rm -rf: of a copy of the same files, beside; peak: cradled and its unpackers, PSS;\n"
              "more: on disk than the files\n"
              "%-8s %8s %8s %8s %8s %8s %8s %8s %8s %8s %8s %8s %7s\n", rounds - 1, "", "floor ms", "pull ms", "cold ms", "again ms",
              "durable", "cpu ms", "remove", "discards", "rm -rf", "peak MiB", "files MB", "more %");
  for (const std::string& name : images) bench.Measure(name, rounds);
  return 0;
}

}  // namespace
}  // namespace cradle::bench

int main(int argc, char** argv) {
  int rounds = argc >= 3 ? std::atoi(argv[2]) : 0;
  std::vector<std::string> images(argv + std::min(argc, 3), argv + argc);
  if (images.empty()) images = {"small", "middle", "large"};
  if (rounds < 2) {
    std::fprintf(stderr, "usage: pullbench STORAGE ROUNDS [IMAGE...] (2 rounds or more)\n");
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  try {
    return cradle::bench::Main(argv[1], rounds, images);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pullbench: %s\n", error.what());
    return 1;
  }
}
