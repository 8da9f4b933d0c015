// Figures of pods and containers, held against the kernel's own files. What only grows is read before and after.
#include <filesystem>
#include <set>

#include "support/node_test.h"

namespace cradle::test {
namespace {

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
