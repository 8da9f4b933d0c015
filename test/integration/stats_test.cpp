// Figures of pods and containers, held against the kernel's own files. What only grows is read before and after.
#include <fcntl.h>
#include <sys/mount.h>

#include <filesystem>
#include <set>

#include "base/clock.h"
#include "base/sys/file.h"
#include "base/sys/mount.h"
#include "support/node_test.h"

namespace cradle::test {
namespace {

// Every field is set but those that `unset` names ("memory.psi"); times, too, are there.
void ExpectComplete(const google::protobuf::Message& message, const std::set<std::string>& unset,
                    const std::string& above = "") {
  using Field = google::protobuf::FieldDescriptor;
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const Field* field = message.GetDescriptor()->field(i);
    const std::string name = above + std::string(field->name());
    if (field->name() == "timestamp") {
      EXPECT_GT(message.GetReflection()->GetInt64(message, field), 0) << name;
    }
    if (field->is_repeated() || field->cpp_type() != Field::CPPTYPE_MESSAGE || unset.contains(name)) continue;
    EXPECT_TRUE(message.GetReflection()->HasField(message, field)) << name << " of " << message.ShortDebugString();
    ExpectComplete(message.GetReflection()->GetMessage(message, field), unset, name + ".");
  }
}

// A folder that whoever looks into waits for: a file system in user space without anybody behind it. Then it ends.
class HungFolder {
 public:
  explicit HungFolder(std::string path) : path_(std::move(path)) {
    std::filesystem::create_directory(path_);
    device_ = sys::OpenAt(kCwd, "/dev/fuse", O_RDWR).value();
    auto mount = sys::FsMount("fuse", {{"fd", std::to_string(device_.get())}, {"rootmode", "40000"}, {"user_id", "0"}, {"group_id", "0"}}, 0);
    EXPECT_TRUE(mount.ok() && sys::MoveMount(*mount, kCwd, path_).ok());
  }
  ~HungFolder() {
    device_.Reset();
    EXPECT_TRUE(sys::Umount(path_, MNT_DETACH).ok());
  }

 private:
  const std::string path_;
  UniqueFd device_;
};

class StatsTest : public NodeTest {
 protected:
  // A container's control file, in whichever hierarchy has it; empty: none has.
  std::string Control(const std::string& container, const std::string& file) {
    std::vector<std::string> roots = {"/sys/fs/cgroup"};
    for (const auto& entry : std::filesystem::directory_iterator(roots[0])) roots.push_back(entry.path().string());
    for (const std::string& root : roots) {
      std::string path = root + CgroupOf(container) + "/" + file;
      if (std::filesystem::exists(path)) return ReadText(path);
    }
    return "";
  }
  // v1's file, else v2's.
  uint64_t MemoryOf(const std::string& container) {
    std::string text = Control(container, "memory.usage_in_bytes");
    return std::stoull(text.empty() ? Control(container, "memory.current") : text);
  }
  uint64_t CpuNanosOf(const std::string& container) {
    std::string text = Control(container, "cpuacct.usage");
    if (!text.empty()) return std::stoull(text);
    return 1000 * std::stoull(Control(container, "cpu.stat").substr(sizeof "usage_usec"));
  }
  v1::ContainerStats Stats(const std::string& container) {
    v1::ContainerStatsRequest request;
    request.set_container_id(container);
    return Must(CRI_CALL(ContainerStats, request)).stats();
  }
  // What the kernel's files say, in the words of the CRI.
  std::map<std::string, uint64_t> Kernels(const std::string& container) {
    const bool v2 = Control(container, "memory.usage_in_bytes").empty();
    std::map<std::string, uint64_t> of;
    for (const std::string& line : Lines(Control(container, "memory.stat")))
      of[line.substr(0, line.find(' '))] = std::stoull(line.substr(line.find(' ')));
    auto field = [&](const char* name_v2, const char* name_v1) { return of[v2 ? name_v2 : name_v1]; };
    const uint64_t usage = MemoryOf(container);
    return {{"cpu", CpuNanosOf(container)},
            {"usage", usage},
            {"working set", usage - field("inactive_file", "total_inactive_file")},
            {"rss", field("anon", "total_rss")},
            {"faults", field("pgfault", "total_pgfault")},
            {"major faults", field("pgmajfault", "total_pgmajfault")}};
  }
  static std::map<std::string, uint64_t> Told(const v1::ContainerStats& stats) {
    const v1::MemoryUsage& memory = stats.memory();
    return {{"cpu", stats.cpu().usage_core_nano_seconds().value()},
            {"usage", memory.usage_bytes().value()},
            {"working set", memory.working_set_bytes().value()},
            {"rss", memory.rss_bytes().value()},
            {"faults", memory.page_faults().value()},
            {"major faults", memory.major_page_faults().value()}};
  }
  v1::PodSandboxStats PodStats(const std::string& pod) {
    v1::PodSandboxStatsRequest request;
    request.set_pod_sandbox_id(pod);
    return Must(CRI_CALL(PodSandboxStats, request)).stats();
  }
  // Received bytes of eth0, as the container sees its own network.
  uint64_t Received(const std::string& container) {
    return std::stoull(Exec(container, {"cat", "/sys/class/net/eth0/statistics/rx_bytes"}).stdout());
  }
  std::vector<v1::PodSandboxMetrics> Metrics() {
    auto response = Must(CRI_CALL(ListPodSandboxMetrics, v1::ListPodSandboxMetricsRequest()));
    return {response.pod_metrics().begin(), response.pod_metrics().end()};
  }
};

TEST_F(StatsTest, OfAPodAreTheKernels) {
  std::string pod = RunPod(PodConfig("busy", Net::kBridge));
  std::string container = StartNew(pod, Shell("main", "x=$(head -c 20000000 /dev/zero | tr '\\0' x); "
                                                      // A last command would be execed, and the memory gone.
                                                      "while :; do sleep 1000; done"));
  ASSERT_TRUE(Eventually([&] { return MemoryOf(container) > (18u << 20); }));
  uint64_t cpu_before = CpuNanosOf(container);
  uint64_t received_before = Received(container);
  v1::PodSandboxStats stats = PodStats(pod);
  uint64_t received_after = Received(container);
  uint64_t cpu_after = CpuNanosOf(container);

  EXPECT_EQ(stats.attributes().metadata().name(), "busy");
  ASSERT_EQ(stats.linux().containers_size(), 1);
  const v1::ContainerStats& own = stats.linux().containers(0);
  EXPECT_EQ(own.attributes().id(), container);
  EXPECT_GE(own.cpu().usage_core_nano_seconds().value(), cpu_before);
  EXPECT_LE(own.cpu().usage_core_nano_seconds().value(), cpu_after);
  EXPECT_GE(stats.linux().cpu().usage_core_nano_seconds().value(), own.cpu().usage_core_nano_seconds().value());
  EXPECT_GE(stats.linux().memory().usage_bytes().value(), 15u << 20);
  EXPECT_EQ(stats.linux().network().default_interface().name(), "eth0");
  EXPECT_GE(stats.linux().network().default_interface().rx_bytes().value(), received_before);
  EXPECT_LE(stats.linux().network().default_interface().rx_bytes().value(), received_after);
  EXPECT_GE(stats.linux().process().process_count().value(), 2u);  // pause, sleep
  EXPECT_LE(stats.linux().process().process_count().value(), 6u);  // and what fills the memory
  // memory.stat is as the kernel last summed it up: every two seconds, and at a read for a group of which it has noted
  // enough changes; of a pod it may note fewer than of its container.
  EXPECT_TRUE(Eventually([&] {
    stats = PodStats(pod);
    const v1::MemoryUsage& all = stats.linux().memory();
    const v1::MemoryUsage& part = stats.linux().containers(0).memory();
    return part.rss_bytes().value() >= 15u << 20 && all.rss_bytes().value() >= part.rss_bytes().value() &&
           all.page_faults().value() >= part.page_faults().value();
  })) << stats.DebugString();
}

TEST_F(StatsTest, LeaveNoFieldOut) {
  std::string pod = RunPod(PodConfig("whole", Net::kBridge));
  v1::ContainerConfig config = Sleeper("main");
  config.mutable_linux()->mutable_resources()->set_memory_limit_in_bytes(64 << 20);
  config.mutable_linux()->mutable_resources()->set_memory_swap_limit_in_bytes(96 << 20);
  std::string container = StartNew(pod, config);
  std::set<std::string> unset, unset_of_pod = {"windows"};
  if (Control(container, "memory.memsw.limit_in_bytes").empty() && Control(container, "memory.swap.max").empty())
    unset.insert("swap.swap_available_bytes");
  if (Control(container, "cpu.pressure").empty()) unset.insert({"cpu.psi", "memory.psi", "io.psi"});
  for (const std::string& name : unset) unset_of_pod.insert("linux." + name);
  unset_of_pod.insert("linux.memory.available_bytes");  // the pod itself has no limit
  // A rate takes two readings.
  ASSERT_TRUE(Eventually([&] { return Stats(container).cpu().has_usage_nano_cores(); }));
  ASSERT_TRUE(Eventually([&] { return PodStats(pod).linux().cpu().has_usage_nano_cores(); }));
  ExpectComplete(Stats(container), unset);
  ExpectComplete(PodStats(pod), unset_of_pod);
  ASSERT_EQ(PodStats(pod).linux().containers_size(), 1);
  ExpectComplete(PodStats(pod).linux().containers(0), unset);
  auto containers = Must(CRI_CALL(ListContainerStats, v1::ListContainerStatsRequest()));
  ASSERT_EQ(containers.stats_size(), 1);
  ExpectComplete(containers.stats(0), unset);
  auto pods = Must(CRI_CALL(ListPodSandboxStats, v1::ListPodSandboxStatsRequest()));
  ASSERT_EQ(pods.stats_size(), 1);
  ExpectComplete(pods.stats(0), unset_of_pod);
}

TEST_F(StatsTest, AreTheKernelsOfTheMomentOfTheCall) {
  std::string container = StartNew(RunPod(PodConfig("pod")), Sleeper("main"));
  // When the kernel says before what it says afterwards, that is what there was to tell.
  auto compare = [&] {
    return Eventually([&] {
      auto before = Kernels(container);
      v1::ContainerStats stats = Stats(container);
      if (Kernels(container) != before) return false;
      EXPECT_EQ(Told(stats), before);
      return true;
    });
  };
  EXPECT_TRUE(compare());
  const uint64_t usage = Stats(container).memory().usage_bytes().value();
  Exec(container, {"sh", "-c", "head -c 8388608 /dev/zero > /dev/shm/new"});
  const int64_t asked = WallNanos();
  v1::ContainerStats stats = Stats(container);
  EXPECT_GT(stats.memory().usage_bytes().value(), usage + (6 << 20));
  EXPECT_GE(stats.memory().timestamp(), asked);
  EXPECT_GE(stats.cpu().timestamp(), asked);
  EXPECT_LE(stats.cpu().timestamp(), WallNanos());
  EXPECT_TRUE(compare());
}

TEST_F(StatsTest, DontWaitForAWalkOfAContainersFiles) {
  constexpr std::chrono::seconds kPatienceForAnswers{20};
  constexpr uint64_t kLarge = 300'000;
  std::string pod = RunPod(PodConfig("pod"));
  std::string container = StartNew(pod, Sleeper("main"));
  Exec(container, {"sh", "-c", "head -c 300000 /dev/zero > /large"});
  auto& runtime = cri().runtime();
  using Stub = v1::RuntimeService::Stub;
  v1::PodSandboxStatsRequest one;
  one.set_pod_sandbox_id(pod);
  {
    HungFolder hung(daemon().root() + "/containers/" + container + "/upper/hung");
    // The second round finds the walk that the first began.
    for (int round = 0; round < 2; ++round) {
      auto list = Must(Call(runtime, &Stub::ListContainerStats, v1::ListContainerStatsRequest(), kPatienceForAnswers));
      ASSERT_EQ(list.stats_size(), 1);
      EXPECT_LT(list.stats(0).writable_layer().used_bytes().value(), kLarge) << "the folder doesn't hang";
      Must(Call(runtime, &Stub::ListPodSandboxStats, v1::ListPodSandboxStatsRequest(), kPatienceForAnswers));
      Must(Call(runtime, &Stub::PodSandboxStats, one, kPatienceForAnswers));
      Must(Call(runtime, &Stub::ListPodSandboxMetrics, v1::ListPodSandboxMetricsRequest(), kPatienceForAnswers));
    }
  }
  EXPECT_TRUE(Eventually([&] { return Stats(container).writable_layer().used_bytes().value() >= kLarge; }));
}

TEST_F(StatsTest, OfAPodOnTheHostsNetworkTellNoNetwork) {
  std::string pod = RunPod(PodConfig("host"));
  StartNew(pod, Sleeper("main"));
  EXPECT_FALSE(PodStats(pod).linux().has_network());
}

TEST_F(StatsTest, ListedAreOnlyReadyPods) {
  std::string ready = RunPod(PodConfig("ready"));
  std::string stopped = RunPod(PodConfig("stopped"));
  StopPod(stopped);
  auto listed = Must(CRI_CALL(ListPodSandboxStats, v1::ListPodSandboxStatsRequest()));
  ASSERT_EQ(listed.stats_size(), 1);
  EXPECT_EQ(listed.stats(0).attributes().id(), ready);
  EXPECT_TRUE(PodStats(stopped).has_linux());
}

TEST_F(StatsTest, MetricsHaveASampleForEveryDescriptor) {
  std::string pod = RunPod(PodConfig("metrics", Net::kBridge));
  v1::ContainerConfig config = Sleeper("main");
  auto* limits = config.mutable_linux()->mutable_resources();
  limits->set_cpu_period(100'000);
  limits->set_cpu_quota(20'000);
  limits->set_cpu_shares(1024);
  limits->set_memory_limit_in_bytes(64 << 20);
  std::string container = StartNew(pod, config);
  std::map<std::string, int> labels;
  const auto told = Must(CRI_CALL(ListMetricDescriptors, v1::ListMetricDescriptorsRequest()));
  for (const auto& descriptor : told.descriptors())
    labels[descriptor.name()] = descriptor.label_keys_size();

  auto metrics = Metrics();
  ASSERT_EQ(metrics.size(), 1u);
  EXPECT_EQ(metrics[0].pod_sandbox_id(), pod);
  std::map<std::string, uint64_t> seen;
  auto take = [&](const auto& list) {
    for (const v1::Metric& metric : list) {
      EXPECT_EQ(metric.label_values_size(), labels[metric.name()]) << metric.name();
      seen[metric.name()] = metric.value().value();
    }
  };
  take(metrics[0].metrics());
  ASSERT_EQ(metrics[0].container_metrics_size(), 1);
  take(metrics[0].container_metrics(0).metrics());
  // Nothing of the disk was read, there are no huge pages here, and the kernel may keep no pressure.
  const std::set<std::string> silent = {"blkio_device_usage_total", "fs_reads_bytes_total",  "fs_reads_total",
                                        "fs_writes_bytes_total",    "fs_writes_total"};
  for (const auto& [name, count] : labels) {
    std::string bare = name.substr(sizeof "container_" - 1);
    if (silent.contains(bare) || bare.starts_with("hugetlb_") || bare.starts_with("pressure_")) continue;
    EXPECT_TRUE(seen.contains(name)) << name;
  }
  EXPECT_EQ(seen["container_spec_memory_limit_bytes"], 64u << 20);
  EXPECT_EQ(seen["container_spec_cpu_quota"], 20'000u);
  EXPECT_EQ(seen["container_spec_cpu_period"], 100'000u);
  EXPECT_EQ(seen["container_spec_cpu_shares"], 1024u);
  EXPECT_EQ(seen["container_processes"], 1u);
  EXPECT_EQ(seen["container_threads"], 1u);
  EXPECT_EQ(seen["container_start_time_seconds"], static_cast<uint64_t>(StatusOf(container).started_at() / 1'000'000'000));
  EXPECT_GT(seen["container_fs_limit_bytes"], 0u);
}

// Figures that need a walk are there in the end, and come from what is there.
TEST_F(StatsTest, OpenFilesAndTheLayersSizeAreCounted) {
  std::string pod = RunPod(PodConfig("files"));
  std::string container =
      StartNew(pod, Shell("main", "head -c 300000 /dev/zero > /big; exec 7</dev/null 8</dev/null; while :; do sleep 9; done"));
  auto sample = [&](const char* name) -> uint64_t {
    for (const v1::PodSandboxMetrics& one : Metrics())
      for (const v1::Metric& metric : one.container_metrics(0).metrics())
        if (metric.name() == name) return metric.value().value();
    return 0;
  };
  EXPECT_TRUE(Eventually([&] { return sample("container_file_descriptors") >= 5; }));
  EXPECT_TRUE(Eventually([&] { return sample("container_fs_usage_bytes") >= 300'000; }));
  EXPECT_GT(sample("container_ulimits_soft"), 0u);
}

}  // namespace
}  // namespace cradle::test
