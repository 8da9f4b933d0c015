#include "base/map_together.h"
#include "cri/call.h"
#include "cri/describe.h"
#include "cri/describe_stats.h"
#include "cri/find.h"
#include "cri/list_stream.h"
#include "cri/read_stats.h"
#include "cri/services.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

pb::ContainerFilter ContainersOf(const pb::ContainerStatsFilter& filter) {
  pb::ContainerFilter out;
  out.set_id(filter.id());
  out.set_pod_sandbox_id(filter.pod_sandbox_id());
  *out.mutable_label_selector() = filter.label_selector();
  return out;
}

}  // namespace

Result<pb::ContainerStats> ReadStats(const sandbox::Runtime& runtime, CpuRates& rates,
                                     const sandbox::ContainerView& container) {
  pb::ContainerStats out;
  *out.mutable_attributes() = DescribeAttributes(container);
  *out.mutable_writable_layer() = DescribeLayer(runtime.WritableLayer(container));
  if (container.state != sandbox::State::kRunning) return out;
  cgroups::Stats stats = TRY(runtime.ReadStats(container));
  *out.mutable_cpu() = DescribeCpu(stats, rates.Update(container.record->id.str(), stats));
  *out.mutable_memory() = DescribeMemory(stats);
  *out.mutable_swap() = DescribeSwap(stats);
  *out.mutable_io() = DescribeIo(stats);
  return out;
}

std::vector<pb::ContainerStats> ReadAll(sandbox::Runtime& runtime, CpuRates& rates,
                                        const std::vector<sandbox::ContainerPtr>& all) {
  auto stats = MapTogether(runtime.pool(), all.size(), [&](size_t i) -> std::optional<pb::ContainerStats> {
    if (all[i]->state != sandbox::State::kRunning) return std::nullopt;
    auto one = ReadStats(runtime, rates, *all[i]);
    return one.ok() ? std::optional(std::move(*one)) : std::nullopt;
  });
  std::vector<pb::ContainerStats> list;
  for (auto& one : stats)
    if (one) list.push_back(std::move(*one));
  return list;
}

void ForgetGone(const sandbox::Runtime& runtime, CpuRates& rates) {
  rates.Keep([&](const std::string& id) {
    if (auto container = runtime.FindContainer(id); container.ok())
      return (*container)->state == sandbox::State::kRunning;
    auto pod = runtime.FindPod(id);
    return pod.ok() && (*pod)->ready;
  });
}

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
        ForgetGone(runtime, *rates);
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
    auto add = [](const pb::ContainerStats& stats, Page& page) {
      return (*page.add_container_stats() = stats).ByteSizeLong();
    };
    stream->Send(NextOf<Page>(ReadAll(runtime, *rates, selected), add));
  });
  return stream;
}

}  // namespace cradle::cri
