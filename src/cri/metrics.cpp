#include "cri/metrics.h"

#include <functional>

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

using cgroups::Counters;
using sandbox::Interface;

constexpr uint64_t kNanos = 1'000'000'000;
constexpr uint64_t kMicros = 1'000'000;
constexpr const char* kCommonKeys[] = {"container", "id", "image", "name", "namespace", "pod"};
using Labels = std::vector<std::string>;
// Takes a sample: its value, and the labels of the row's own keys.
using Add = std::function<void(uint64_t value, Labels own)>;

template <class Reading>
struct Row {
  const char* name;
  const char* help;
  pb::MetricType type;
  std::vector<const char*> keys;  // beside the common ones
  void (*sample)(const Reading& reading, const Add& add);
};

// A container's reading, and the pod's that holds it.
struct OfContainer {
  const PodReading& pod;
  const ContainerReading& own;
};
struct OfPod {
  const PodReading& pod;
};

uint64_t Seconds(uint64_t nanos) { return nanos / kNanos; }
uint64_t Seconds(int64_t nanos) { return static_cast<uint64_t>(nanos) / kNanos; }
uint64_t AtLeast0(int64_t value) { return value > 0 ? static_cast<uint64_t>(value) : 0; }

using Container = Row<OfContainer>;
#define FROM [](const OfContainer& of, const Add& add)

const std::vector<Container>& CpuRows() {
  static const std::vector<Container> rows = {
      {"container_cpu_cfs_periods_total", "Number of elapsed enforcement period intervals.", pb::COUNTER, {},
       FROM { add(of.own.counters.cpu_periods, {}); }},
      {"container_cpu_cfs_throttled_periods_total", "Number of throttled period intervals.", pb::COUNTER, {},
       FROM { add(of.own.counters.cpu_throttled_periods, {}); }},
      {"container_cpu_cfs_throttled_seconds_total", "Total time duration the container has been throttled.", pb::COUNTER, {},
       FROM { add(Seconds(of.own.counters.cpu_throttled_nanos), {}); }},
      {"container_cpu_system_seconds_total", "Cumulative system cpu time consumed in seconds.", pb::COUNTER, {},
       FROM { add(Seconds(of.own.counters.cpu_system_nanos), {}); }},
      {"container_cpu_usage_seconds_total", "Cumulative cpu time consumed in seconds.", pb::COUNTER, {"cpu"},
       FROM { add(Seconds(of.own.stats.cpu_usage_nanos), {"total"}); }},
      {"container_cpu_user_seconds_total", "Cumulative user cpu time consumed in seconds.", pb::COUNTER, {},
       FROM { add(Seconds(of.own.counters.cpu_user_nanos), {}); }},
  };
  return rows;
}

void AddIo(const OfContainer& of, const Add& add, uint64_t Counters::Io::*figure) {
  for (const Counters::Io& io : of.own.counters.io) add(io.*figure, {sandbox::DeviceName(io.major, io.minor)});
}

const std::vector<Container>& DiskRows() {
  static const std::vector<Container> rows = {
      {"container_blkio_device_usage_total", "Blkio device bytes usage.", pb::COUNTER,
       {"device", "major", "minor", "operation"},
       FROM {
         for (const Counters::Io& io : of.own.counters.io)
           for (auto [operation, bytes] : {std::pair{"Read", io.read_bytes}, {"Write", io.write_bytes}})
             add(bytes, {sandbox::DeviceName(io.major, io.minor), std::to_string(io.major), std::to_string(io.minor),
                         operation});
       }},
      {"container_fs_inodes_free", "Number of available Inodes.", pb::GAUGE, {"device"},
       FROM { add(of.pod.filesystem.free_inodes, {of.pod.filesystem.device}); }},
      {"container_fs_inodes_total", "Number of Inodes.", pb::GAUGE, {"device"},
       FROM { add(of.pod.filesystem.inodes, {of.pod.filesystem.device}); }},
      {"container_fs_limit_bytes", "Number of bytes that can be consumed by the container on this filesystem.", pb::GAUGE,
       {"device"}, FROM { add(of.pod.filesystem.bytes, {of.pod.filesystem.device}); }},
      {"container_fs_usage_bytes", "Number of bytes that are consumed by the container on this filesystem.", pb::GAUGE,
       {"device"}, FROM { add(of.own.layer.bytes, {of.pod.filesystem.device}); }},
      {"container_fs_reads_bytes_total", "Cumulative count of bytes read.", pb::COUNTER, {"device"},
       FROM { AddIo(of, add, &Counters::Io::read_bytes); }},
      {"container_fs_reads_total", "Cumulative count of reads completed.", pb::COUNTER, {"device"},
       FROM { AddIo(of, add, &Counters::Io::reads); }},
      {"container_fs_writes_bytes_total", "Cumulative count of bytes written.", pb::COUNTER, {"device"},
       FROM { AddIo(of, add, &Counters::Io::write_bytes); }},
      {"container_fs_writes_total", "Cumulative count of writes completed.", pb::COUNTER, {"device"},
       FROM { AddIo(of, add, &Counters::Io::writes); }},
  };
  return rows;
}

const std::vector<Container>& MemoryRows() {
  static const std::vector<Container> rows = {
      {"container_hugetlb_max_usage_bytes", "Maximum hugepage usages recorded.", pb::GAUGE, {"pagesize"},
       FROM { for (const auto& huge : of.own.counters.hugepages) add(huge.max_usage, {huge.size}); }},
      {"container_hugetlb_usage_bytes", "Current hugepage usage.", pb::GAUGE, {"pagesize"},
       FROM { for (const auto& huge : of.own.counters.hugepages) add(huge.usage, {huge.size}); }},
      {"container_memory_cache", "Number of bytes of page cache memory.", pb::GAUGE, {},
       FROM { add(of.own.stats.memory_cache, {}); }},
      {"container_memory_failcnt", "Number of memory usage hits limits.", pb::COUNTER, {},
       FROM { add(of.own.counters.memory_limit_hits, {}); }},
      {"container_memory_failures_total", "Cumulative count of memory allocation failures.", pb::COUNTER,
       {"failure_type", "scope"},
       FROM {
         add(of.own.counters.own_page_faults, {"pgfault", "container"});
         add(of.own.stats.page_faults, {"pgfault", "hierarchy"});
         add(of.own.counters.own_major_page_faults, {"pgmajfault", "container"});
         add(of.own.stats.major_page_faults, {"pgmajfault", "hierarchy"});
       }},
      {"container_memory_kernel_usage", "Size of kernel memory allocated in bytes.", pb::GAUGE, {},
       FROM { add(of.own.counters.memory_kernel, {}); }},
      {"container_memory_mapped_file", "Size of memory mapped files in bytes.", pb::GAUGE, {},
       FROM { add(of.own.stats.memory_mapped_file, {}); }},
      {"container_memory_max_usage_bytes", "Maximum memory usage recorded in bytes.", pb::GAUGE, {},
       FROM { add(of.own.counters.memory_max_usage, {}); }},
      {"container_memory_rss", "Size of RSS in bytes.", pb::GAUGE, {}, FROM { add(of.own.stats.memory_rss, {}); }},
      {"container_memory_swap", "Container swap usage in bytes.", pb::GAUGE, {},
       FROM { add(of.own.stats.memory_swap_usage, {}); }},
      {"container_memory_usage_bytes",
       "Current memory usage in bytes, including all memory regardless of when it was accessed.", pb::GAUGE, {},
       FROM { add(of.own.stats.memory_usage, {}); }},
      {"container_memory_working_set_bytes", "Current working set in bytes.", pb::GAUGE, {},
       FROM { add(of.own.stats.memory_working_set, {}); }},
      {"container_oom_events_total", "Count of out of memory events observed for the container.", pb::COUNTER, {},
       FROM { add(of.own.counters.oom_kills, {}); }},
  };
  return rows;
}

// Without PSI in the kernel there is no sample.
void AddPressure(const std::optional<cgroups::Pressure>& pressure, cgroups::Pressure::Line cgroups::Pressure::*kind,
                 const Add& add) {
  if (pressure) add(((*pressure).*kind).total_micros / kMicros, {});
}

const std::vector<Container>& PressureRows() {
  using cgroups::Pressure;
  static const std::vector<Container> rows = {
      {"container_pressure_cpu_stalled_seconds_total",
       "Total time duration no tasks in the container could make progress due to CPU congestion.", pb::COUNTER, {}, FROM { AddPressure(of.own.stats.cpu_pressure, &Pressure::full, add); }},
      {"container_pressure_cpu_waiting_seconds_total",
       "Total time duration tasks in the container have waited due to CPU congestion.", pb::COUNTER, {}, FROM { AddPressure(of.own.stats.cpu_pressure, &Pressure::some, add); }},
      {"container_pressure_io_stalled_seconds_total",
       "Total time duration no tasks in the container could make progress due to IO congestion.", pb::COUNTER, {}, FROM { AddPressure(of.own.stats.io_pressure, &Pressure::full, add); }},
      {"container_pressure_io_waiting_seconds_total",
       "Total time duration tasks in the container have waited due to IO congestion.", pb::COUNTER, {}, FROM { AddPressure(of.own.stats.io_pressure, &Pressure::some, add); }},
      {"container_pressure_memory_stalled_seconds_total",
       "Total time duration no tasks in the container could make progress due to memory congestion.", pb::COUNTER, {}, FROM { AddPressure(of.own.stats.memory_pressure, &Pressure::full, add); }},
      {"container_pressure_memory_waiting_seconds_total",
       "Total time duration tasks in the container have waited due to memory congestion.", pb::COUNTER, {}, FROM { AddPressure(of.own.stats.memory_pressure, &Pressure::some, add); }},
  };
  return rows;
}

const std::vector<Container>& ProcessRows() {
  static const std::vector<Container> rows = {
      {"container_file_descriptors", "Number of open file descriptors for the container.", pb::GAUGE, {},
       FROM { add(of.own.open.files, {}); }},
      {"container_last_seen", "Last time a container was seen by the exporter.", pb::GAUGE, {},
       FROM { add(Seconds(of.pod.wall_nanos), {}); }},
      {"container_processes", "Number of processes running inside the container.", pb::GAUGE, {},
       FROM { add(of.own.processes, {}); }},
      {"container_sockets", "Number of open sockets for the container.", pb::GAUGE, {},
       FROM { add(of.own.open.sockets, {}); }},
      {"container_start_time_seconds", "Start time of the container since unix epoch in seconds.", pb::GAUGE, {},
       FROM { add(Seconds(of.own.container->started_at), {}); }},
      {"container_threads", "Number of threads running inside the container.", pb::GAUGE, {},
       FROM { add(of.own.counters.threads, {}); }},
      {"container_threads_max", "Maximum number of threads allowed inside the container, infinity if value is zero.",
       pb::GAUGE, {}, FROM { add(of.own.counters.threads_max, {}); }},
      {"container_ulimits_soft", "Soft ulimit values for the container root process. Unlimited if -1, except priority and nice.",
       pb::GAUGE, {"ulimit"}, FROM { add(of.own.open.soft_limit, {"max_open_files"}); }},
  };
  return rows;
}

const std::vector<Container>& LimitRows() {
  static const std::vector<Container> rows = {
      {"container_spec_cpu_period", "CPU period of the container.", pb::GAUGE, {},
       FROM { add(AtLeast0(of.own.container->limits.cpu_period), {}); }},
      {"container_spec_cpu_quota", "CPU quota of the container.", pb::GAUGE, {},
       FROM { add(AtLeast0(of.own.container->limits.cpu_quota), {}); }},
      {"container_spec_cpu_shares", "CPU share of the container.", pb::GAUGE, {},
       FROM { add(AtLeast0(of.own.container->limits.cpu_shares), {}); }},
      {"container_spec_memory_limit_bytes", "Memory limit for the container.", pb::GAUGE, {},
       FROM { add(of.own.stats.memory_limit, {}); }},
      {"container_spec_memory_reservation_limit_bytes", "Memory reservation limit for the container.", pb::GAUGE, {},
       FROM { add(of.own.counters.memory_reservation, {}); }},
      {"container_spec_memory_swap_limit_bytes", "Memory swap limit for the container.", pb::GAUGE, {},
       FROM { add(of.own.stats.memory_swap_limit, {}); }},
  };
  return rows;
}
#undef FROM

using Pod = Row<OfPod>;

template <Interface::Direction Interface::*direction, uint64_t Interface::Direction::*figure>
void AddInterfaces(const OfPod& of, const Add& add) {
  for (const Interface& one : of.pod.interfaces) add(one.*direction.*figure, {one.name});
}

const std::vector<Pod>& NetworkRows() {
  using Way = Interface::Direction;
  static const std::vector<Pod> rows = {
      {"container_network_receive_bytes_total", "Cumulative count of bytes received.", pb::COUNTER, {"interface"},
       AddInterfaces<&Interface::received, &Way::bytes>},
      {"container_network_receive_errors_total", "Cumulative count of errors encountered while receiving.", pb::COUNTER,
       {"interface"}, AddInterfaces<&Interface::received, &Way::errors>},
      {"container_network_receive_packets_dropped_total", "Cumulative count of packets dropped while receiving.",
       pb::COUNTER, {"interface"}, AddInterfaces<&Interface::received, &Way::dropped>},
      {"container_network_receive_packets_total", "Cumulative count of packets received.", pb::COUNTER, {"interface"},
       AddInterfaces<&Interface::received, &Way::packets>},
      {"container_network_transmit_bytes_total", "Cumulative count of bytes transmitted.", pb::COUNTER, {"interface"},
       AddInterfaces<&Interface::sent, &Way::bytes>},
      {"container_network_transmit_errors_total", "Cumulative count of errors encountered while transmitting.",
       pb::COUNTER, {"interface"}, AddInterfaces<&Interface::sent, &Way::errors>},
      {"container_network_transmit_packets_dropped_total", "Cumulative count of packets dropped while transmitting.",
       pb::COUNTER, {"interface"}, AddInterfaces<&Interface::sent, &Way::dropped>},
      {"container_network_transmit_packets_total", "Cumulative count of packets transmitted.", pb::COUNTER, {"interface"},
       AddInterfaces<&Interface::sent, &Way::packets>},
  };
  return rows;
}

const auto& ContainerFamilies() {
  static const auto families = {&CpuRows(), &DiskRows(), &MemoryRows(), &PressureRows(), &ProcessRows(), &LimitRows()};
  return families;
}

template <class Reading>
void AddDescriptor(const Row<Reading>& row, std::vector<pb::MetricDescriptor>& out) {
  pb::MetricDescriptor& descriptor = out.emplace_back();
  descriptor.set_name(row.name);
  descriptor.set_help(row.help);
  for (const char* key : kCommonKeys) descriptor.add_label_keys(key);
  for (const char* key : row.keys) descriptor.add_label_keys(key);
}

template <class Reading, class Out>
void AddSamples(const Row<Reading>& row, const Reading& reading, const Labels& common, Out* out) {
  row.sample(reading, [&](uint64_t value, const Labels& own) {
    pb::Metric* metric = out->add_metrics();
    metric->set_name(row.name);
    metric->set_timestamp(reading.pod.wall_nanos);
    metric->set_metric_type(row.type);
    for (const Labels* labels : {&common, &own})
      for (const std::string& label : *labels) metric->add_label_values(label);
    metric->mutable_value()->set_value(value);
  });
}

// In the order of kCommonKeys.
Labels CommonLabels(const sandbox::PodRecord& pod) {
  return {"POD", Cat(pod.cgroup_parent, "/", pod.id.str()), "", pod.id.str(), pod.spec.name_space, pod.spec.name};
}
Labels CommonLabels(const container::ContainerRecord& one, const sandbox::PodRecord& pod) {
  const std::string& image = one.spec.user_specified_image;
  return {one.spec.name, one.cgroup, image.empty() ? one.spec.image : image, one.id.str(), pod.spec.name_space,
          pod.spec.name};
}

}  // namespace

std::vector<pb::MetricDescriptor> MetricDescriptors() {
  std::vector<pb::MetricDescriptor> out;
  for (const auto* family : ContainerFamilies())
    for (const Container& row : *family) AddDescriptor(row, out);
  for (const Pod& row : NetworkRows()) AddDescriptor(row, out);
  return out;
}

pb::PodSandboxMetrics MetricsOf(const PodReading& pod) {
  pb::PodSandboxMetrics out;
  const sandbox::PodRecord& record = pod.pod->record;
  out.set_pod_sandbox_id(record.id.str());
  const Labels of_pod = CommonLabels(record);
  for (const Pod& row : NetworkRows()) AddSamples(row, OfPod{pod}, of_pod, &out);
  for (const ContainerReading& reading : pod.containers) {
    pb::ContainerMetrics* metrics = out.add_container_metrics();
    metrics->set_container_id(reading.container->record->id.str());
    const Labels common = CommonLabels(*reading.container->record, record);
    for (const auto* family : ContainerFamilies())
      for (const Container& row : *family) AddSamples(row, OfContainer{pod, reading}, common, metrics);
  }
  return out;
}

}  // namespace cradle::cri
