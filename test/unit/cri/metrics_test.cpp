#include "cri/metrics.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "fakes.h"

namespace cradle::cri {
namespace {

namespace pb = ::runtime::v1;
using Names = std::set<std::string>;

// What critest's metrics specs ask for, and cAdvisor's other names that the kubelet's users know.
const Names kAll = {
    "container_blkio_device_usage_total",
    "container_cpu_cfs_periods_total",
    "container_cpu_cfs_throttled_periods_total",
    "container_cpu_cfs_throttled_seconds_total",
    "container_cpu_system_seconds_total",
    "container_cpu_usage_seconds_total",
    "container_cpu_user_seconds_total",
    "container_file_descriptors",
    "container_fs_inodes_free",
    "container_fs_inodes_total",
    "container_fs_limit_bytes",
    "container_fs_reads_bytes_total",
    "container_fs_reads_total",
    "container_fs_usage_bytes",
    "container_fs_writes_bytes_total",
    "container_fs_writes_total",
    "container_hugetlb_max_usage_bytes",
    "container_hugetlb_usage_bytes",
    "container_last_seen",
    "container_memory_cache",
    "container_memory_failcnt",
    "container_memory_failures_total",
    "container_memory_kernel_usage",
    "container_memory_mapped_file",
    "container_memory_max_usage_bytes",
    "container_memory_rss",
    "container_memory_swap",
    "container_memory_usage_bytes",
    "container_memory_working_set_bytes",
    "container_network_receive_bytes_total",
    "container_network_receive_errors_total",
    "container_network_receive_packets_dropped_total",
    "container_network_receive_packets_total",
    "container_network_transmit_bytes_total",
    "container_network_transmit_errors_total",
    "container_network_transmit_packets_dropped_total",
    "container_network_transmit_packets_total",
    "container_oom_events_total",
    "container_pressure_cpu_stalled_seconds_total",
    "container_pressure_cpu_waiting_seconds_total",
    "container_pressure_io_stalled_seconds_total",
    "container_pressure_io_waiting_seconds_total",
    "container_pressure_memory_stalled_seconds_total",
    "container_pressure_memory_waiting_seconds_total",
    "container_processes",
    "container_sockets",
    "container_spec_cpu_period",
    "container_spec_cpu_quota",
    "container_spec_cpu_shares",
    "container_spec_memory_limit_bytes",
    "container_spec_memory_reservation_limit_bytes",
    "container_spec_memory_swap_limit_bytes",
    "container_start_time_seconds",
    "container_threads",
    "container_threads_max",
    "container_ulimits_soft",
};
// Those that may have no sample: no disk was touched, no huge pages, no PSI in the kernel.
bool MayBeSilent(const std::string& name) {
  return name.starts_with("container_hugetlb_") || name.starts_with("container_pressure_") ||
         name.starts_with("container_fs_reads_") || name.starts_with("container_fs_writes_") ||
         name == "container_blkio_device_usage_total";
}

class MetricsTest : public testing::Test {
 protected:
  MetricsTest() {
    runtime_.AddPod("aaaa", {}, true);
    runtime_.AddContainer("c1", "aaaa", {}, sandbox::State::kRunning);
    reading_.pod = runtime_.ListPods().front();
    reading_.wall_nanos = 1'700'000'000'500'000'000;
    reading_.filesystem = {"/dev/vda", 1000, 100, 60};
    reading_.interfaces = {{"eth0", {1, 2, 3, 4}, {5, 6, 7, 8}}};
    reading_.containers.resize(1);
    own().container = runtime_.ListContainers().front();
  }

  ContainerReading& own() { return reading_.containers.front(); }
  // All samples of a name: "label,label,...=value", joined by blanks.
  std::map<std::string, std::string> Samples() {
    std::map<std::string, std::string> out;
    auto add = [&](const pb::Metric& metric) {
      std::string& text = out[metric.name()];
      if (!text.empty()) text += " ";
      for (const std::string& label : metric.label_values()) text += label + ",";
      text.back() = '=';
      text += std::to_string(metric.value().value());
    };
    auto metrics = MetricsOf(reading_);
    for (const pb::Metric& metric : metrics.metrics()) add(metric);
    for (const auto& container : metrics.container_metrics())
      for (const pb::Metric& metric : container.metrics()) add(metric);
    return out;
  }

  FakeRuntime runtime_;
  PodReading reading_;
};

TEST_F(MetricsTest, DescriptorsAreAllThatDashboardsKnow) {
  Names names;
  for (const auto& descriptor : MetricDescriptors()) {
    EXPECT_TRUE(names.insert(descriptor.name()).second) << descriptor.name() << " twice";
    EXPECT_FALSE(descriptor.help().empty());
    EXPECT_EQ(descriptor.label_keys(0), "container");
    EXPECT_EQ(descriptor.label_keys(5), "pod");
  }
  EXPECT_EQ(names, kAll);
}

TEST_F(MetricsTest, EveryDescriptorHasSamplesWithAsManyLabels) {
  own().stats.cpu_pressure.emplace();
  own().stats.io_pressure.emplace();
  own().stats.memory_pressure.emplace();
  own().counters.io.resize(1);
  own().counters.hugepages.resize(1);
  std::map<std::string, int> labels;
  for (const auto& descriptor : MetricDescriptors()) labels[descriptor.name()] = descriptor.label_keys_size();
  auto metrics = MetricsOf(reading_);
  EXPECT_EQ(metrics.pod_sandbox_id(), "aaaa");
  Names seen;
  auto check = [&](const pb::Metric& metric) {
    seen.insert(metric.name());
    EXPECT_EQ(metric.label_values_size(), labels[metric.name()]) << metric.name();
    EXPECT_TRUE(metric.has_value());
    EXPECT_EQ(metric.timestamp(), reading_.wall_nanos);
  };
  for (const auto& metric : metrics.metrics()) check(metric);
  ASSERT_EQ(metrics.container_metrics_size(), 1);
  EXPECT_EQ(metrics.container_metrics(0).container_id(), "c1");
  for (const auto& metric : metrics.container_metrics(0).metrics()) check(metric);
  EXPECT_EQ(seen, kAll);
}

TEST_F(MetricsTest, AnIdleContainerHasASampleOfAllThatCanBeToldOfIt) {
  auto samples = Samples();
  for (const std::string& name : kAll)
    EXPECT_EQ(samples.contains(name), !MayBeSilent(name)) << name;
}

TEST_F(MetricsTest, ValuesAreWhatWasRead) {
  own().stats.cpu_usage_nanos = 7'900'000'000;
  own().stats.memory_limit = 64 << 20;
  own().stats.page_faults = 30;
  own().counters.own_page_faults = 20;
  own().counters.io = {{8, 0, 1, 2, 4096, 8192}};
  own().open = {11, 3, 1024};
  own().layer.bytes = 512;
  auto samples = Samples();
  const std::string common = "c-c1,,busybox,c1,default,pod-aaaa";
  EXPECT_EQ(samples["container_cpu_usage_seconds_total"], common + ",total=7");
  EXPECT_EQ(samples["container_spec_memory_limit_bytes"], common + "=67108864");
  EXPECT_EQ(samples["container_memory_failures_total"],
            common + ",pgfault,container=20 " + common + ",pgfault,hierarchy=30 " + common +
                ",pgmajfault,container=0 " + common + ",pgmajfault,hierarchy=0");
  EXPECT_EQ(samples["container_sockets"], common + "=3");
  EXPECT_EQ(samples["container_ulimits_soft"], common + ",max_open_files=1024");
  EXPECT_EQ(samples["container_fs_usage_bytes"], common + ",/dev/vda=512");
  EXPECT_EQ(samples["container_fs_inodes_free"], common + ",/dev/vda=60");
  EXPECT_EQ(samples["container_last_seen"], common + "=1700000000");
  EXPECT_TRUE(samples["container_blkio_device_usage_total"].ends_with(",8,0,Write=8192"));
  EXPECT_EQ(samples["container_network_transmit_packets_dropped_total"], "POD,/aaaa,,aaaa,default,pod-aaaa,eth0=8");
}

}  // namespace
}  // namespace cradle::cri
