#include "cri/describe_stats.h"

#include <algorithm>

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

constexpr uint64_t kNanosPerMicro = 1000;

void Set(pb::UInt64Value* out, uint64_t value) { out->set_value(value); }
uint64_t Left(uint64_t limit, uint64_t used) { return limit > used ? limit - used : 0; }

void FillPressure(const cgroups::Pressure::Line& line, pb::PsiData* out) {
  out->set_total(line.total_micros * kNanosPerMicro);
  out->set_avg10(line.avg10);
  out->set_avg60(line.avg60);
  out->set_avg300(line.avg300);
}

void FillPressure(const cgroups::Pressure& pressure, pb::PsiStats* out) {
  FillPressure(pressure.full, out->mutable_full());
  FillPressure(pressure.some, out->mutable_some());
}

void FillInterface(const sandbox::Interface& one, pb::NetworkInterfaceUsage* out) {
  out->set_name(one.name);
  Set(out->mutable_rx_bytes(), one.received.bytes);
  Set(out->mutable_rx_errors(), one.received.errors);
  Set(out->mutable_tx_bytes(), one.sent.bytes);
  Set(out->mutable_tx_errors(), one.sent.errors);
}

}  // namespace

pb::CpuUsage DescribeCpu(const cgroups::Stats& stats, std::optional<uint64_t> nano_cores) {
  pb::CpuUsage out;
  out.set_timestamp(stats.wall_nanos);
  Set(out.mutable_usage_core_nano_seconds(), stats.cpu_usage_nanos);
  if (nano_cores) Set(out.mutable_usage_nano_cores(), *nano_cores);
  if (stats.cpu_pressure) FillPressure(*stats.cpu_pressure, out.mutable_psi());
  return out;
}

pb::MemoryUsage DescribeMemory(const cgroups::Stats& stats) {
  pb::MemoryUsage out;
  out.set_timestamp(stats.wall_nanos);
  Set(out.mutable_working_set_bytes(), stats.memory_working_set);
  if (stats.memory_limit != 0)
    Set(out.mutable_available_bytes(), Left(stats.memory_limit, stats.memory_working_set));
  Set(out.mutable_usage_bytes(), stats.memory_usage);
  Set(out.mutable_rss_bytes(), stats.memory_rss);
  Set(out.mutable_page_faults(), stats.page_faults);
  Set(out.mutable_major_page_faults(), stats.major_page_faults);
  if (stats.memory_pressure) FillPressure(*stats.memory_pressure, out.mutable_psi());
  return out;
}

pb::SwapUsage DescribeSwap(const cgroups::Stats& stats) {
  pb::SwapUsage out;
  out.set_timestamp(stats.wall_nanos);
  Set(out.mutable_swap_usage_bytes(), stats.memory_swap_usage);
  if (stats.memory_swap_limit != 0)
    Set(out.mutable_swap_available_bytes(), Left(stats.memory_swap_limit, stats.memory_swap_usage));
  return out;
}

pb::IoUsage DescribeIo(const cgroups::Stats& stats) {
  pb::IoUsage out;
  out.set_timestamp(stats.wall_nanos);
  if (stats.io_pressure) FillPressure(*stats.io_pressure, out.mutable_psi());
  return out;
}

pb::FilesystemUsage DescribeLayer(const sandbox::Runtime::LayerUsage& usage) {
  pb::FilesystemUsage out;
  out.set_timestamp(usage.wall_nanos);
  out.mutable_fs_id()->set_mountpoint(usage.dir);
  Set(out.mutable_used_bytes(), usage.bytes);
  Set(out.mutable_inodes_used(), usage.inodes);
  return out;
}

pb::NetworkUsage DescribeNetwork(const std::vector<sandbox::Interface>& interfaces, int64_t wall_nanos) {
  pb::NetworkUsage out;
  out.set_timestamp(wall_nanos);
  auto main = std::ranges::find(interfaces, "eth0", &sandbox::Interface::name);
  if (main == interfaces.end()) main = interfaces.begin();
  for (auto one = interfaces.begin(); one != interfaces.end(); ++one)
    FillInterface(*one, one == main ? out.mutable_default_interface() : out.add_interfaces());
  return out;
}

}  // namespace cradle::cri
