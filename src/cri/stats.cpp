#include <unordered_set>

#include "cri/call.h"
#include "cri/describe.h"
#include "cri/find.h"
#include "cri/list_stream.h"
#include "cri/services.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

void Set(pb::UInt64Value* out, uint64_t value) { out->set_value(value); }
uint64_t Left(uint64_t limit, uint64_t used) { return limit > used ? limit - used : 0; }

void FillMemory(const cgroups::Stats& stats, pb::MemoryUsage* out) {
  out->set_timestamp(stats.wall_nanos);
  Set(out->mutable_working_set_bytes(), stats.memory_working_set);
  if (stats.memory_limit != 0) {
    Set(out->mutable_available_bytes(), Left(stats.memory_limit, stats.memory_working_set));
  }
  Set(out->mutable_usage_bytes(), stats.memory_usage);
  Set(out->mutable_rss_bytes(), stats.memory_rss);
  Set(out->mutable_page_faults(), stats.page_faults);
  Set(out->mutable_major_page_faults(), stats.major_page_faults);
}

void FillSwap(const cgroups::Stats& stats, pb::SwapUsage* out) {
  out->set_timestamp(stats.wall_nanos);
  Set(out->mutable_swap_usage_bytes(), stats.memory_swap_usage);
  if (stats.memory_swap_limit != 0) {
    Set(out->mutable_swap_available_bytes(),
        Left(stats.memory_swap_limit, stats.memory_swap_usage));
  }
}

void FillLayer(const sandbox::Runtime::LayerUsage& usage, pb::FilesystemUsage* out) {
  out->set_timestamp(usage.wall_nanos);
  out->mutable_fs_id()->set_mountpoint(usage.dir);
  Set(out->mutable_used_bytes(), usage.bytes);
  Set(out->mutable_inodes_used(), usage.inodes);
}

pb::ContainerFilter ContainersOf(const pb::ContainerStatsFilter& filter) {
  pb::ContainerFilter out;
  out.set_id(filter.id());
  out.set_pod_sandbox_id(filter.pod_sandbox_id());
  *out.mutable_label_selector() = filter.label_selector();
  return out;
}

Result<pb::ContainerStats> ReadStats(const sandbox::Runtime& runtime, CpuRates& rates,
                                     const sandbox::ContainerView& container) {
  pb::ContainerStats out;
  *out.mutable_attributes() = DescribeAttributes(container);
  FillLayer(runtime.WritableLayer(container), out.mutable_writable_layer());
  if (container.state != sandbox::State::kRunning) return out;
  cgroups::Stats stats = TRY(runtime.ReadStats(container));
  pb::CpuUsage* cpu = out.mutable_cpu();
  cpu->set_timestamp(stats.wall_nanos);
  Set(cpu->mutable_usage_core_nano_seconds(), stats.cpu_usage_nanos);
  if (auto rate = rates.Update(container.record->id.str(), stats)) {
    Set(cpu->mutable_usage_nano_cores(), *rate);
  }
  FillMemory(stats, out.mutable_memory());
  FillSwap(stats, out.mutable_swap());
  return out;
}

// Of the running ones; one that ends meanwhile is left out.
std::vector<pb::ContainerStats> ReadAll(const sandbox::Runtime& runtime, CpuRates& rates,
                                        const std::vector<sandbox::ContainerPtr>& all) {
  std::vector<pb::ContainerStats> list;
  for (const auto& container : all) {
    if (container->state != sandbox::State::kRunning) continue;
    auto stats = ReadStats(runtime, rates, *container);
    if (stats.ok()) list.push_back(std::move(*stats));
  }
  rates.Keep([&](const std::string& id) {
    auto found = runtime.FindContainer(id);
    return found.ok() && (*found)->state == sandbox::State::kRunning;
  });
  return list;
}

}  // namespace

grpc::ServerUnaryReactor* RuntimeService::ContainerStats(grpc::CallbackServerContext* context,
                                                         const pb::ContainerStatsRequest* request,
                                                         pb::ContainerStatsResponse* response) {
  auto container = FindContainer(runtime_, request->container_id());
  if (!container.ok()) return Answer(context, container.error());
  auto call = Call::Begin("ContainerStats", log::Level::kDebug);
  runtime_.pool().Post(
      [&runtime = runtime_, rates = rates_, call, response, container = *container] {
        call->Complete(ReadStats(runtime, *rates, *container), [&](pb::ContainerStats& stats) {
          *response->mutable_stats() = std::move(stats);
        });
      });
  return call.get();
}

grpc::ServerUnaryReactor* RuntimeService::ListContainerStats(
    grpc::CallbackServerContext*, const pb::ListContainerStatsRequest* request,
    pb::ListContainerStatsResponse* response) {
  auto call = Call::Begin("ListContainerStats", log::Level::kDebug);
  auto selected = SelectContainers(runtime_, ContainersOf(request->filter()));
  runtime_.pool().Post(
      [&runtime = runtime_, rates = rates_, call, response, selected = std::move(selected)] {
        Result<std::vector<pb::ContainerStats>> list = ReadAll(runtime, *rates, selected);
        call->Complete(std::move(list), [&](std::vector<pb::ContainerStats>& all) {
          for (auto& stats : all) *response->add_stats() = std::move(stats);
        });
      });
  return call.get();
}

grpc::ServerWriteReactor<pb::StreamContainerStatsResponse>* RuntimeService::StreamContainerStats(
    grpc::CallbackServerContext*, const pb::StreamContainerStatsRequest* request) {
  using Page = pb::StreamContainerStatsResponse;
  auto* stream = new ListStream<Page>();
  auto selected = SelectContainers(runtime_, ContainersOf(request->filter()));
  runtime_.pool().Post([&runtime = runtime_, rates = rates_, stream, selected = std::move(selected)] {
    stream->Send([all = ReadAll(runtime, *rates, selected), at = size_t{0}](Page& page) mutable -> size_t {
      if (at == all.size()) return 0;
      return (*page.add_container_stats() = std::move(all[at++])).ByteSizeLong();
    });
  });
  return stream;
}

}  // namespace cradle::cri
