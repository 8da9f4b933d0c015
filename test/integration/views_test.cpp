// /proc views: what a container reads of itself, and that nobody hangs on them. The test reads through
// /proc/PID/root, which leads into the container's own mounts.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <regex>
#include <thread>

#include "base/sys/process.h"
#include "base/sys/socket.h"
#include "support/node_test.h"

namespace cradle::test {
namespace {

constexpr int64_t kMiB = 1 << 20;

uint64_t Field(const std::string& text, const std::string& key) {
  size_t at = text.find(key);
  return at == text.npos ? 0 : std::strtoull(text.c_str() + at + key.size(), nullptr, 10);
}
uint64_t MemTotal(const std::string& meminfo) { return Field(meminfo, "MemTotal:"); }
int Count(const std::string& text, const std::string& what) {
  int count = 0;
  for (size_t at = 0; (at = text.find(what, at)) != text.npos; ++at) ++count;
  return count;
}

class Views : public NodeTest {
 protected:
  // Masked as the kubelet asks for it by default; limits as given.
  static v1::ContainerConfig Masked(v1::ContainerConfig config, int64_t memory, int64_t cpu_percent = 0) {
    auto* resources = config.mutable_linux()->mutable_resources();
    resources->set_memory_limit_in_bytes(memory);
    if (cpu_percent) {
      resources->set_cpu_period(100000);
      resources->set_cpu_quota(cpu_percent * 1000);
    }
    config.mutable_linux()->mutable_security_context()->add_masked_paths("/proc/kcore");
    return config;
  }
  std::string In(const std::string& container, const std::string& path) {
    return "/proc/" + std::to_string(PidOf(container)) + "/root" + path;
  }
  std::string ReadIn(const std::string& container, const std::string& path) { return ReadText(In(container, path)); }
  void ExpectHostsFigures(const v1::PodSandboxConfig& pod, const v1::ContainerConfig& config) {
    std::string container = StartNew(RunPod(pod), config);
    EXPECT_EQ(MemTotal(ReadIn(container, "/proc/meminfo")), MemTotal(ReadText("/proc/meminfo")));
    EXPECT_EQ(ReadIn(container, "/proc/self/mountinfo").find("cradle:"), std::string::npos);
  }
};

TEST_F(Views, ShowTheContainersLimits) {
  double host_age = std::stod(ReadText("/proc/uptime"));
  std::string container = StartNew(RunPod(PodConfig("pod")), Masked(Sleeper("c"), 64 * kMiB, 50));
  std::string meminfo = ReadIn(container, "/proc/meminfo");
  EXPECT_EQ(MemTotal(meminfo), 65536u);
  EXPECT_LT(Field(meminfo, "MemFree:"), 65536u);
  EXPECT_GT(Field(meminfo, "MemFree:"), 32768u);
  EXPECT_EQ(Field(meminfo, "DirectMap1G:"), 0u);
  EXPECT_EQ(Count(ReadIn(container, "/proc/cpuinfo"), "processor\t:"), 1);
  for (const char* list : {"online", "present", "possible"})
    EXPECT_EQ(ReadIn(container, std::string("/sys/devices/system/cpu/") + list), "0\n");
  std::string stat = ReadIn(container, "/proc/stat");
  EXPECT_EQ(Count(stat, "cpu"), 2);
  EXPECT_GE(Field(stat, "btime "), Field(ReadText("/proc/stat"), "btime ") + static_cast<uint64_t>(host_age));
  double age = std::stod(ReadIn(container, "/proc/uptime"));
  EXPECT_LE(age, std::stod(ReadText("/proc/uptime")) - host_age);
  EXPECT_LE(Field(ReadIn(container, "/proc/loadavg"), "/"), 1u);
  EXPECT_EQ(Lines(ReadIn(container, "/proc/swaps")).size(), 1u);
  EXPECT_LT(Field(ReadIn(container, "/proc/vmstat"), "nr_free_pages ") * 4, 65536u);
  EXPECT_GT(Field(ReadIn(container, "/proc/vmstat"), "nr_free_pages ") * 4, 32768u);
  EXPECT_EQ(Lines(ReadIn(container, "/proc/vmstat")).size(), Lines(ReadText("/proc/vmstat")).size());
  EXPECT_LE(Lines(ReadIn(container, "/proc/diskstats")).size(), Lines(ReadText("/proc/diskstats")).size());
  if (!ReadText("/proc/pressure/memory").empty()) {
    EXPECT_LT(Field(ReadIn(container, "/proc/pressure/cpu"), "total="), Field(ReadText("/proc/pressure/cpu"), "total="));
  }
}

TEST_F(Views, LookLikeTheKernelsFiles) {
  std::string container = StartNew(RunPod(PodConfig("pod")), Masked(Sleeper("c"), 64 * kMiB));
  auto listed = Exec(container, {"sh", "-c", "cat /proc/stat | tail -n 1 | cut -d' ' -f1; "
                                             "tail -n 1 /proc/stat | cut -d' ' -f1; cat /proc/swaps | wc -l; ls -ln /proc/meminfo /proc/pressure/cpu | cut -c1-10; "
                                             "dd if=/proc/meminfo bs=1 count=21 2>/dev/null; echo; "
                                             "echo x > /proc/meminfo || echo refused; "
                                             "while read -r key value unit; do [ $key = MemTotal: ] && echo $value; done "
                                             "< /proc/meminfo"});
  EXPECT_EQ(listed.stdout(), "softirq\nsoftirq\n1\n-r--r--r--\n-r--r--r--\nMemTotal:          65\nrefused\n65536\n") << listed.stderr();
}

TEST_F(Views, AreEachContainersOwn) {
  auto pod = PodConfig("pod");
  pod.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_pid(v1::POD);
  std::string id = RunPod(pod);
  auto shared = [](v1::ContainerConfig config) {
    config.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_pid(v1::POD);
    config.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_network(v1::NODE);
    return config;
  };
  std::string small = StartNew(id, shared(Masked(Sleeper("small"), 64 * kMiB)));
  std::string large = StartNew(id, shared(Masked(Sleeper("large"), 128 * kMiB)));
  EXPECT_EQ(MemTotal(ReadIn(small, "/proc/meminfo")), 65536u);
  EXPECT_EQ(MemTotal(ReadIn(large, "/proc/meminfo")), 131072u);
  EXPECT_EQ(MemTotal(Exec(large, {"cat", "/proc/meminfo"}).stdout()), 131072u);
  RemoveContainer(small);
  EXPECT_EQ(MemTotal(ReadIn(large, "/proc/meminfo")), 131072u);
}

TEST_F(Views, ShowALimitThatWasChangedInPlace) {
  std::string container = StartNew(RunPod(PodConfig("pod")), Masked(Sleeper("c"), 64 * kMiB));
  EXPECT_EQ(MemTotal(ReadIn(container, "/proc/meminfo")), 65536u);
  v1::UpdateContainerResourcesRequest update;
  update.set_container_id(container);
  update.mutable_linux()->set_memory_limit_in_bytes(32 * kMiB);
  Must(CRI_CALL(UpdateContainerResources, update));
  EXPECT_TRUE(Eventually([&] { return MemTotal(ReadIn(container, "/proc/meminfo")) == 32768u; }));
}

// As top reads /proc/stat.
TEST_F(Views, AreNewToWhoKeepsThemOpen) {
  std::string container = StartNew(RunPod(PodConfig("pod")), Masked(Sleeper("c"), 64 * kMiB));
  UniqueFd uptime(::open(In(container, "/proc/uptime").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(uptime.valid());
  auto read = [&] {
    char text[64];
    ssize_t size = ::pread(uptime.get(), text, sizeof text, 0);
    return std::string(text, size > 0 ? static_cast<size_t>(size) : 0);
  };
  const std::string first = read();
  EXPECT_NE(first, "");
  EXPECT_TRUE(Eventually([&] { return read() != first; }));
}

TEST_F(Views, LeaveNothingOpenWhenNobodyReads) {
  std::string pod = RunPod(PodConfig("pod"));
  std::string container = StartNew(pod, Masked(Sleeper("c"), 64 * kMiB));
  std::string other = StartNew(pod, Masked(Sleeper("other"), 64 * kMiB));
  auto open = [fds = "/proc/" + std::to_string(ShimOf(pod)) + "/fd"] {
    auto all = std::filesystem::directory_iterator(fds);
    return std::distance(begin(all), end(all));
  };
  auto read = [&](const std::string& of) {
    for (const char* file : {"/proc/meminfo", "/proc/stat", "/proc/vmstat"}) EXPECT_NE(ReadIn(of, file), "");
  };
  const auto before = open();
  read(container);
  EXPECT_TRUE(Eventually([&] { return open() <= before; }));
  read(other);
  RemoveContainer(other);
  EXPECT_TRUE(Eventually([&] { return open() <= before; }));
}

TEST_F(Views, AreOffWhereTheyAreNotWanted) {
  auto limited = Masked(Sleeper("c"), 64 * kMiB);
  ExpectHostsFigures(PodConfig("unlimited"), Masked(Sleeper("c"), 0));
  auto off = PodConfig("off");
  (*off.mutable_annotations())["cradle.io/proc-views"] = "off";
  ExpectHostsFigures(off, limited);
  auto unmasked = limited;
  unmasked.mutable_linux()->mutable_security_context()->clear_masked_paths();
  ExpectHostsFigures(PodConfig("unmasked"), unmasked);
  auto privileged = limited;
  privileged.mutable_linux()->mutable_security_context()->set_privileged(true);
  auto pod = PodConfig("privileged");
  pod.mutable_linux()->mutable_security_context()->set_privileged(true);
  ExpectHostsFigures(pod, privileged);
}

// A node with a further runtime handler, "plain", whose pods have no views.
class ViewsByHandler : public Views {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(std::filesystem::path(DropIn()).parent_path());
    WriteText(DropIn(), "[handlers.plain]\nproc_views = \"off\"\n");
    Restart();
    Views::SetUp();
  }
  void TearDown() override {
    RemoveAllPods();
    std::filesystem::remove(DropIn());
    Restart();
    Views::TearDown();
  }
  static std::string DropIn() { return daemon().dir() + "/config.toml.d/handlers.toml"; }
};

TEST_F(ViewsByHandler, AreOffWhereItSaysSo) {
  auto status = Must(CRI_CALL(Status, v1::StatusRequest()));
  ASSERT_EQ(status.runtime_handlers_size(), 2);
  EXPECT_EQ(status.runtime_handlers(0).name(), "");
  EXPECT_EQ(status.runtime_handlers(1).name(), "plain");
  auto limited = Masked(Sleeper("c"), 64 * kMiB);
  std::string pod = Must(TryRunPod(PodConfig("plain"), "plain")).pod_sandbox_id();
  EXPECT_EQ(PodStatus(pod).runtime_handler(), "plain");
  limited.mutable_image()->set_runtime_handler("plain");
  std::string container = StartNew(pod, limited);
  EXPECT_EQ(MemTotal(ReadIn(container, "/proc/meminfo")), MemTotal(ReadText("/proc/meminfo")));
  EXPECT_EQ(StatusOf(container).image().runtime_handler(), "plain");
  limited.mutable_image()->clear_runtime_handler();
  EXPECT_EQ(MemTotal(ReadIn(StartNew(RunPod(PodConfig("pod")), limited), "/proc/meminfo")), 65536u);
}

TEST_F(Views, AreOnWhereThePodAsksForThem) {
  auto pod = PodConfig("pod");
  (*pod.mutable_annotations())["cradle.io/proc-views"] = "on";
  auto config = Sleeper("c");
  config.mutable_linux()->mutable_resources()->set_memory_limit_in_bytes(64 * kMiB);
  EXPECT_EQ(MemTotal(ReadIn(StartNew(RunPod(pod), config), "/proc/meminfo")), 65536u);
}

TEST_F(Views, RefuseAnAnnotationTheyDontKnow) {
  auto pod = PodConfig("pod");
  (*pod.mutable_annotations())["cradle.io/proc-views"] = "maybe";
  auto reply = TryRunPod(pod);
  EXPECT_EQ(reply.code(), grpc::INVALID_ARGUMENT) << reply.text();
  EXPECT_NE(reply.text().find("cradle.io/proc-views"), std::string::npos) << reply.text();
  EXPECT_NE(reply.text().find("maybe"), std::string::npos) << reply.text();
}

TEST_F(Views, LeaveTheRequestsMountsAlone) {
  auto config = Masked(Sleeper("c"), 64 * kMiB);
  std::string mine = daemon().dir() + "/uptime";
  WriteText(mine, "mine\n");
  auto* mount = config.add_mounts();
  mount->set_host_path(mine);
  mount->set_container_path("/proc/uptime");
  std::string container = StartNew(RunPod(PodConfig("pod")), config);
  EXPECT_EQ(ReadIn(container, "/proc/uptime"), "mine\n");
  EXPECT_EQ(MemTotal(ReadIn(container, "/proc/meminfo")), 65536u);
  RemoveAllPods();
  std::filesystem::remove(mine);
}

TEST_F(Views, OutliveTheDaemon) {
  std::string container = StartNew(RunPod(PodConfig("pod")), Masked(Sleeper("c"), 64 * kMiB));
  std::string meminfo = In(container, "/proc/meminfo");
  KillDaemon();
  EXPECT_EQ(MemTotal(ReadText(meminfo)), 65536u);
  Restart();
  EXPECT_EQ(MemTotal(ReadText(meminfo)), 65536u);
}

// busybox's cat reads by sendfile(2), which holds the lock of the pipe that it writes into while it waits for the view; and
// there is something in that pipe to read.
TEST_F(Views, AreAnsweredWhereTheyAreSplicedIntoAPipe) {
  std::string pod = RunPod(PodConfig("pod"));
  std::string container = StartNew(pod, Masked(Sleeper("c"), 64 * kMiB));
  Reply<v1::ExecSyncResponse> reply;
  std::jthread reading([&] {
    reply = TryExec(container, {"sh", "-c", "exec 3< /proc/meminfo; mkfifo /go; read go < /go; echo first; exec cat <&3"});
  });
  UniqueFd go;
  ASSERT_TRUE(Eventually([&] {
    go = UniqueFd(::open(In(container, "/go").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    return go.valid();
  }));
  pid_t shim = ShimOf(pod);
  ASSERT_EQ(::kill(shim, SIGSTOP), 0);
  ASSERT_EQ(::write(go.get(), "\n", 1), 1);
  const std::string sends = std::to_string(SYS_sendfile) + " ";
  EXPECT_TRUE(Eventually([&] {
    for (const Process& process : Descendants({}))
      if (process.command == "cat " && ReadText("/proc/" + std::to_string(process.pid) + "/syscall").starts_with(sends)) return true;
    return false;
  }));
  ASSERT_EQ(::kill(shim, SIGCONT), 0);
  reading.join();
  ASSERT_TRUE(reply.ok()) << reply.text();
  EXPECT_TRUE(reply.value.stdout().starts_with("first\nMemTotal:          65536 kB\n")) << reply.value.stdout();
}

// A request that the shim has read and never answers: its reader can't be killed.
class StuckViews : public Views {
 protected:
  void SetUp() override {
    Views::SetUp();
    pod_ = RunPod(PodConfig("stuck"));
    // Two readers: the shim may be stopped between the question of one and its answer.
    const std::string reader = "while :; do cat /proc/meminfo > /dev/null; done";
    container_ = StartNew(pod_, Masked(Shell("c", reader + " & " + reader), 64 * kMiB));
    shim_ = ShimOf(pod_);
    device_ = TakeDevice();  // while there is only one container
    ASSERT_TRUE(device_.valid());
    other_ = StartNew(pod_, Masked(Sleeper("other"), 128 * kMiB));
    ASSERT_EQ(::kill(shim_, SIGSTOP), 0);
    std::vector<char> request(8192);
    ASSERT_TRUE(sys::PollReadable(device_, After(std::chrono::milliseconds(kPatience))).ok());
    ASSERT_TRUE(Eventually([&] { return ::read(device_.get(), request.data(), request.size()) > 0; }));
  }
  void TearDown() override {
    device_.Reset();
    Views::TearDown();
  }

  std::string pod_, container_, other_;
  pid_t shim_ = 0;

 private:
  // The shim's descriptor of the container's connection.
  UniqueFd TakeDevice() {
    auto shim = sys::PidfdOpen(shim_);
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(shim_) + "/fd")) {
      std::error_code gone;
      if (std::filesystem::read_symlink(entry.path(), gone) != "/dev/fuse") continue;
      auto fd = sys::PidfdGetfd(*shim, std::stoi(entry.path().filename()));
      if (fd.ok()) return std::move(*fd);
    }
    return UniqueFd();
  }
  UniqueFd device_;
};

TEST_F(StuckViews, DontKeepAContainerFromBeingStopped) {
  StopContainer(container_, 0);
  EXPECT_EQ(StatusOf(container_).state(), v1::CONTAINER_EXITED);
  EXPECT_EQ(StatusOf(container_).exit_code(), 137);
  EXPECT_EQ(StatusOf(other_).state(), v1::CONTAINER_RUNNING);
  ASSERT_EQ(::kill(shim_, SIGCONT), 0);
  EXPECT_EQ(MemTotal(ReadIn(other_, "/proc/meminfo")), 131072u);
}

TEST_F(StuckViews, DontKeepAPodFromBeingStopped) {
  StopPod(pod_);
  EXPECT_EQ(StatusOf(container_).state(), v1::CONTAINER_EXITED);
}

// Two readers take all they can get. By its account the shim uses a fifth of a processor, without one it would be nearly a
// whole one. A busy machine only lowers what it uses of the time that passes.
TEST_F(Views, CostABoundedShareOfTheHost) {
  std::string pod = RunPod(PodConfig("pod"));
  std::string container = StartNew(pod, Masked(Sleeper("c"), 64 * kMiB));
  std::string path = In(container, "/proc/stat"), schedule = "/proc/" + std::to_string(ShimOf(pod)) + "/schedstat";
  auto read = [&] {
    for (int i = 0; i < 2000; ++i) EXPECT_FALSE(ReadText(path).empty());
  };
  uint64_t before = std::stoull(ReadText(schedule));
  auto began = std::chrono::steady_clock::now();
  std::jthread other(read);
  read();
  other.join();
  auto passed = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - began);
  uint64_t used = std::stoull(ReadText(schedule)) - before;
  RecordProperty("percent", static_cast<int>(100 * used / static_cast<uint64_t>(passed.count())));
  EXPECT_LT(static_cast<double>(used), 0.5 * static_cast<double>(passed.count()));
}

// Debian's own tools on the container's /proc.
class ViewsByTools : public Views {
 protected:
  static v1::ContainerConfig WithTools(v1::ContainerConfig config) {
    for (const char* dir : {"/usr", "/lib", "/lib64", "/etc/java-17-openjdk"}) {
      if (!std::filesystem::exists(dir)) continue;
      auto* mount = config.add_mounts();
      mount->set_host_path(dir);
      mount->set_container_path(dir);
      mount->set_readonly(true);
    }
    return config;
  }
};

TEST_F(ViewsByTools, ProcpsShowsThem) {
  if (!std::filesystem::exists("/usr/bin/free") || !std::filesystem::exists("/usr/bin/lscpu")) GTEST_SKIP() << "no procps";
  std::string container = StartNew(RunPod(PodConfig("pod")), WithTools(Masked(Sleeper("c"), 64 * kMiB, 50)));
  EXPECT_EQ(Field(Exec(container, {"/usr/bin/free", "-k"}).stdout(), "Mem:"), 65536u);
  EXPECT_NE(Exec(container, {"/usr/bin/top", "-b", "-n", "1", "-E", "k"}).stdout().find("65536 total"), std::string::npos)
      << Exec(container, {"/usr/bin/top", "-b", "-n", "1", "-E", "k"}).stdout();
  EXPECT_NE(Exec(container, {"/usr/bin/uptime"}).stdout().find("up 0 min"), std::string::npos)
      << Exec(container, {"/usr/bin/uptime"}).stdout();
  std::string lscpu = Exec(container, {"/usr/bin/lscpu"}).stdout();
  EXPECT_EQ(Field(lscpu, "\nCPU(s):"), 1u) << lscpu;
}

// What it draws before it reads its first key, without the terminal's commands.
TEST_F(ViewsByTools, HtopShowsThem) {
  if (!std::filesystem::exists("/usr/bin/htop") || !std::filesystem::exists("/usr/bin/script")) GTEST_SKIP() << "no htop";
  std::string container = StartNew(RunPod(PodConfig("pod")), WithTools(Masked(Sleeper("c"), 64 * kMiB, 50)));
  auto drawn = Exec(container, {"/usr/bin/env", "TERM=xterm", "/bin/sh", "-c",
                                "echo q | /usr/bin/script -qec '/usr/bin/stty rows 24 cols 100; /usr/bin/htop' /dev/null"});
  std::string text = std::regex_replace(drawn.stdout(), std::regex("\x1b[^a-zA-Z]*[a-zA-Z]"), "");
  EXPECT_NE(text.find("/64.0M"), std::string::npos) << text << drawn.stderr();
}

// As docs/operating.md says.
TEST_F(ViewsByTools, WhatAsksTheKernelSeesTheHost) {
  auto config = Masked(Sleeper("c"), 64 * kMiB, 50);
  std::string pod = RunPod(PodConfig("pod"));
  std::string container = StartNew(pod, config);
  EXPECT_EQ(Field(Exec(container, {"free", "-k"}).stdout(), "Mem:"), MemTotal(ReadText("/proc/meminfo")));
  cpu_set_t own{};
  ASSERT_EQ(::sched_getaffinity(0, sizeof own, &own), 0);
  EXPECT_EQ(Exec(container, {"nproc"}).stdout(), std::to_string(CPU_COUNT(&own)) + "\n");
  config.mutable_metadata()->set_name("pinned");
  config.mutable_linux()->mutable_resources()->set_cpuset_cpus("0");
  EXPECT_EQ(Exec(StartNew(pod, config), {"nproc"}).stdout(), "1\n");
}

TEST_F(ViewsByTools, AJvmTakesItsSizeFromThem) {
  constexpr const char* kJava = "/usr/lib/jvm/java-17-openjdk-amd64/bin/java";
  if (!std::filesystem::exists(kJava)) GTEST_SKIP() << "no java";
  std::string container = StartNew(RunPod(PodConfig("pod")), WithTools(Masked(Sleeper("c"), 512 * kMiB, 100)));
  std::string java = std::string(kJava) + " -XshowSettings:system -XX:+PrintFlagsFinal -version 2>&1 | tr -s ' '";
  std::string shown = Exec(container, {"sh", "-c", java}).stdout();
  for (const char* line : {"Effective CPU Count: 1\n", "Memory Limit: 512.00M\n", " MaxHeapSize = 134217728 "})
    EXPECT_NE(shown.find(line), std::string::npos) << line << " is not in: " << shown;
}

TEST_F(ViewsByTools, NodeShowsThem) {
  if (!std::filesystem::exists("/usr/bin/node")) GTEST_SKIP() << "no node";
  std::string container = StartNew(RunPod(PodConfig("pod")), WithTools(Masked(Sleeper("c"), 512 * kMiB, 100)));
  auto shown = Exec(container, {"/usr/bin/node", "-p",
                                "const os = require('os'); [os.totalmem() >> 20, os.freemem() < os.totalmem(), "
                                "os.cpus().length, os.uptime() < 3600].join(' ')"});
  EXPECT_EQ(shown.stdout(), "512 true 1 true\n") << shown.stderr();
}

}  // namespace
}  // namespace cradle::test
